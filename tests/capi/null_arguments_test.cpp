// Every function with every pointer NULL in turn. A function that is in ptychokit.map but not here fails the test.
#include "api.h"
#include "paths.h"

#include <regex>
#include <set>
#include <tuple>

using namespace api;

namespace {

class Nulls {
public:
    /// Calls @p function once for each pointer argument that is not in @p optional, with that one NULL and all others
    /// right.
    template <class... P>
    void each(const char* name, ptk_status (*function)(P...), const std::set<std::size_t>& optional,
              std::type_identity_t<P>... right)
    {
        seen.insert(name);
        each_index(name, function, optional, std::tuple<P...>(right...), std::index_sequence_for<P...>());
    }

    /// A function without a status, which must ignore NULL.
    void ignores(const char* name, const std::function<void()>& call)
    {
        seen.insert(name);
        call();
    }

    std::set<std::string> seen;

private:
    template <class... P, std::size_t... I>
    void each_index(const char* name, ptk_status (*function)(P...), const std::set<std::size_t>& optional,
                    const std::tuple<P...>& right, std::index_sequence<I...>)
    {
        (with_null<I>(name, function, optional, right), ...);
    }

    template <std::size_t I, class... P>
    void with_null(const char* name, ptk_status (*function)(P...), const std::set<std::size_t>& optional,
                   std::tuple<P...> arguments)
    {
        using Argument = std::tuple_element_t<I, std::tuple<P...>>;
        if constexpr (std::is_pointer_v<Argument>) {
            if (optional.contains(I))
                return;
            std::get<I>(arguments) = nullptr;
            poison(std::get<0>(arguments));
            EXPECT_EQ(std::apply(function, arguments), PTK_ERR_INVALID_ARGUMENT)
                << name << ", argument " << I << ": " << ptk_last_error_message();
            const std::string message = ptk_last_error_message();
            EXPECT_TRUE(message.starts_with(name)) << message;
            EXPECT_NE(message.find("is NULL"), std::string::npos) << message;
            expect_cleared(name, std::get<0>(arguments));
        }
    }

    // A handle in 'out' must be NULL after a failure, whatever was there.
    template <class T> static void poison(T** out)
    {
        if (out != nullptr)
            *out = reinterpret_cast<T*>(std::uintptr_t{16});
    }
    template <class T> static void expect_cleared(const char* name, T** out)
    {
        if (out != nullptr) {
            EXPECT_EQ(*out, nullptr) << name;
        }
    }
    template <class T> static void poison(const T&) {}
    template <class T> static void expect_cleared(const char*, const T&) {}
};

std::set<std::string> functions_in_map()
{
    std::ifstream file(PTK_SOURCE_DIR "/capi/ptychokit.map");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    static const std::regex symbol(R"(\b(ptk_\w+);)");
    std::set<std::string> names;
    for (std::sregex_iterator it(text.begin(), text.end(), symbol), end; it != end; ++it)
        names.insert((*it)[1]);
    return names;
}

#define NAMED(f) #f, f

TEST(NullArguments, AreErrorsInEveryFunction)
{
    const auto ctx = context();
    Experiment data(ctx);
    const auto dataset = data.dataset(ctx);
    const auto settings = config(quick);
    const auto other = config("{}");
    const Folder folder;
    Model model;
    Trainer trainer;
    Reconstructor reconstructor;
    Canvas canvas;
    Cancel cancel;
    ok(ptk_model_create(model.out(), ctx, Experiment::side, settings));
    ok(ptk_model_set_probe(model, &data.probe.view));
    ok(ptk_trainer_create(trainer.out(), model, settings, nullptr));
    ok(ptk_reconstructor_create(reconstructor.out(), ctx, model, settings));
    ok(ptk_canvas_create(canvas.out(), ctx, 40, 40, 0, 0, nullptr));
    ok(ptk_cancel_create(cancel.out()));
    Array<Complex> patches({Experiment::count, Experiment::side, Experiment::side});
    Array<Complex> object({40, 40});
    ok(ptk_canvas_add(canvas, &patches.view, &data.positions.view, nullptr));

    char buf[1 << 16];
    const auto room = sizeof buf;
    std::size_t needed = 0;
    std::int64_t lengths[PTK_MAX_NDIM];
    std::int32_t ndim = 0;
    double error = 0;
    ptk_view view{};
    std::int64_t shape[] = {1};
    ptk_context* c = nullptr;
    ptk_config* g = nullptr;
    ptk_cancel* k = nullptr;
    ptk_dataset* d = nullptr;
    ptk_model* m = nullptr;
    ptk_trainer* t = nullptr;
    ptk_reconstructor* r = nullptr;
    ptk_canvas* v = nullptr;
    const auto h5 = folder.file("x.h5");
    const auto* path = h5.c_str();
    float memory[4] = {};
    std::uint64_t dlpack[32] = {1};

    Nulls nulls;
    nulls.ignores("ptk_version", [] { ptk_version(nullptr, nullptr, nullptr); });
    nulls.ignores("ptk_build_info", [] { EXPECT_TRUE(Json::parse(ptk_build_info()).contains("version")); });
    nulls.ignores("ptk_status_name", [] { EXPECT_STREQ(ptk_status_name(PTK_ERR_SHAPE), "PTK_ERR_SHAPE"); });
    nulls.ignores("ptk_dtype_size", [] { EXPECT_EQ(ptk_dtype_size(PTK_F32), 4U); });
    nulls.ignores("ptk_last_error", [] { (void)ptk_last_error(); });
    nulls.ignores("ptk_last_error_message", [] { EXPECT_NE(ptk_last_error_message(), nullptr); });
    nulls.ignores("ptk_set_error_message", [] {
        ptk_set_error_message(nullptr);
        EXPECT_STREQ(ptk_last_error_message(), "");
    });

    nulls.each(NAMED(ptk_view_init), {}, &view, memory, PTK_F32, 1, shape);
    nulls.each(NAMED(ptk_view_from_dlpack), {}, &view, reinterpret_cast<const DLManagedTensorVersioned*>(dlpack));

    nulls.each(NAMED(ptk_context_create), {2}, &c, "cpu", settings);
    nulls.ignores("ptk_context_free", [] { ptk_context_free(nullptr); });
    nulls.each(NAMED(ptk_context_set_log), {2, 3}, ctx, PTK_LOG_INFO, nullptr, nullptr);
    nulls.each(NAMED(ptk_context_devices), {}, ctx, buf, room, &needed);
    nulls.each(NAMED(ptk_context_describe), {}, ctx, buf, room, &needed);
    const ptk_generator_table table{};
    nulls.each(NAMED(ptk_generator_register), {}, ctx, &table);
    nulls.each(NAMED(ptk_plugin_load), {}, ctx, path);
    nulls.each(NAMED(ptk_config_create), {}, &g);
    nulls.each(NAMED(ptk_config_from_json), {}, &g, "{}");
    nulls.each(NAMED(ptk_config_from_yaml), {}, &g, "");
    nulls.each(NAMED(ptk_config_load), {}, &g, path);
    nulls.ignores("ptk_config_free", [] { ptk_config_free(nullptr); });
    nulls.each(NAMED(ptk_config_set_int), {}, other, "seed", 1);
    nulls.each(NAMED(ptk_config_set_float), {}, other, "generator.alpha", 1);
    nulls.each(NAMED(ptk_config_set_bool), {}, other, "deterministic", 1);
    nulls.each(NAMED(ptk_config_set_string), {}, other, "compat", "none");
    nulls.each(NAMED(ptk_config_set_pair), {}, other, "data.x_bounds", 0, 1);
    nulls.each(NAMED(ptk_config_set_text), {}, other, "seed", "1");
    nulls.each(NAMED(ptk_config_merge), {}, other, settings);
    nulls.each(NAMED(ptk_config_check), {1}, ctx, settings, "library");
    nulls.each(NAMED(ptk_config_to_json), {1}, ctx, settings, "library", buf, room, &needed);
    nulls.each(NAMED(ptk_config_schema), {}, ctx, "library", buf, room, &needed);
    nulls.each(NAMED(ptk_cancel_create), {}, &k);
    nulls.ignores("ptk_cancel_request", [] { ptk_cancel_request(nullptr); });
    nulls.ignores("ptk_cancel_reset", [] { ptk_cancel_reset(nullptr); });
    nulls.ignores("ptk_cancel_free", [] { ptk_cancel_free(nullptr); });

    nulls.each(NAMED(ptk_file_describe), {2}, ctx, PTK_SCAN, nullptr, buf, room, &needed);
    nulls.each(NAMED(ptk_dataset_open), {3}, &d, ctx, PTK_SCAN, nullptr);
    nulls.each(NAMED(ptk_dataset_from_arrays), {4, 5, 6}, &d, ctx, &data.patterns.view, &data.positions.view, nullptr,
               nullptr, nullptr);
    nulls.each(NAMED(ptk_dataset_select), {}, &d, dataset, 0, 1, 0, 1);
    nulls.each(NAMED(ptk_simulate), {2, 3, 4, 5}, &d, ctx, nullptr, cancel, nullptr, nullptr);
    nulls.each(NAMED(ptk_dataset_save), {}, dataset, path, "npz");
    nulls.ignores("ptk_dataset_free", [] { ptk_dataset_free(nullptr); });
    nulls.ignores("ptk_dataset_size", [] { EXPECT_EQ(ptk_dataset_size(nullptr), 0); });
    nulls.ignores("ptk_dataset_side", [] { EXPECT_EQ(ptk_dataset_side(nullptr), 0); });
    nulls.each(NAMED(ptk_dataset_describe), {}, dataset, buf, room, &needed);
    nulls.each(NAMED(ptk_dataset_shape), {}, dataset, "patterns", lengths, PTK_MAX_NDIM, &ndim);
    nulls.each(NAMED(ptk_dataset_read), {}, dataset, "patterns", &data.patterns.view);
    nulls.each(NAMED(ptk_dataset_read_patterns), {}, dataset, 0, &data.patterns.view);

    nulls.each(NAMED(ptk_generator_list), {}, ctx, buf, room, &needed);
    nulls.each(NAMED(ptk_generator_describe), {}, ctx, "physics_unet", buf, room, &needed);
    nulls.each(NAMED(ptk_initializer_list), {}, ctx, buf, room, &needed);
    nulls.each(NAMED(ptk_registry_list), {}, ctx, "losses", buf, room, &needed);
    nulls.each(NAMED(ptk_registry_describe), {}, ctx, "losses", "huber", buf, room, &needed);
    nulls.each(NAMED(ptk_model_create), {3}, &m, ctx, 16, settings);
    nulls.each(NAMED(ptk_model_load), {}, &m, ctx, path);
    nulls.each(NAMED(ptk_model_save), {}, model, path);
    nulls.each(NAMED(ptk_model_import), {4}, &m, ctx, path, 16, settings);
    nulls.each(NAMED(ptk_model_export), {}, model, path);
    nulls.ignores("ptk_model_free", [] { ptk_model_free(nullptr); });
    nulls.ignores("ptk_model_parameter_count", [] { EXPECT_EQ(ptk_model_parameter_count(nullptr), 0); });
    nulls.ignores("ptk_model_side", [] { EXPECT_EQ(ptk_model_side(nullptr), 0); });
    nulls.each(NAMED(ptk_model_describe), {}, model, buf, room, &needed);
    nulls.each(NAMED(ptk_model_history), {}, model, buf, room, &needed);
    nulls.each(NAMED(ptk_model_arrays), {}, model, buf, room, &needed);
    nulls.each(NAMED(ptk_model_shape), {}, model, "probe", lengths, PTK_MAX_NDIM, &ndim);
    nulls.each(NAMED(ptk_model_read), {}, model, "probe", &data.probe.view);
    nulls.each(NAMED(ptk_model_set_probe), {}, model, &data.probe.view);
    nulls.each(NAMED(ptk_model_write_picture), {}, model, "probe", path);

    nulls.each(NAMED(ptk_trainer_create), {2, 3}, &t, model, settings, nullptr);
    nulls.ignores("ptk_trainer_free", [] { ptk_trainer_free(nullptr); });
    nulls.each(NAMED(ptk_trainer_fit), {2, 3, 4}, trainer, dataset, cancel, nullptr, nullptr);
    nulls.each(NAMED(ptk_trainer_resume), {}, trainer, path);

    nulls.each(NAMED(ptk_reconstructor_create), {2, 3}, &r, ctx, model, settings);
    nulls.ignores("ptk_reconstructor_free", [] { ptk_reconstructor_free(nullptr); });
    nulls.each(NAMED(ptk_reconstructor_predict), {2}, reconstructor, &data.patterns.view, nullptr, &patches.view);
    nulls.each(NAMED(ptk_reconstructor_reconstruct), {3, 4, 5}, &v, reconstructor, dataset, cancel, nullptr, nullptr);
    nulls.each(NAMED(ptk_reconstructor_refine), {3, 4, 5, 6}, &v, reconstructor, dataset, nullptr, cancel, nullptr,
               nullptr);
    nulls.each(NAMED(ptk_forward), {}, ctx, &patches.view, &data.probe.view, &data.patterns.view);
    nulls.each(NAMED(ptk_canvas_create), {6}, &v, ctx, 4, 4, 0, 0, nullptr);
    nulls.each(NAMED(ptk_canvas_create_around), {4}, &v, ctx, &data.positions.view, 16, nullptr);
    nulls.each(NAMED(ptk_canvas_add), {3}, canvas, &patches.view, &data.positions.view, nullptr);
    nulls.each(NAMED(ptk_canvas_load), {}, &v, ctx, path);
    nulls.each(NAMED(ptk_canvas_save), {}, canvas, path);
    nulls.ignores("ptk_canvas_free", [] { ptk_canvas_free(nullptr); });
    nulls.each(NAMED(ptk_canvas_describe), {}, canvas, buf, room, &needed);
    nulls.each(NAMED(ptk_canvas_shape), {}, canvas, "object", lengths, PTK_MAX_NDIM, &ndim);
    nulls.each(NAMED(ptk_canvas_read), {}, canvas, "object", &object.view);
    nulls.each(NAMED(ptk_canvas_write_picture), {}, canvas, "amplitude", path);

    nulls.each(NAMED(ptk_evaluate), {2}, canvas, &object.view, nullptr, buf, room, &needed);
    nulls.each(NAMED(ptk_evaluate_file), {2}, canvas, path, nullptr, buf, room, &needed);
    nulls.each(NAMED(ptk_fourier_error), {3, 4, 5}, &error, canvas, dataset, cancel, nullptr, nullptr);

    const auto exported = functions_in_map();
    ASSERT_GT(exported.size(), 80U);
    EXPECT_EQ(nulls.seen, exported) << "every function needs a row here";
    EXPECT_FALSE(std::filesystem::exists(path)) << "a call that failed has written a file";
}

} // namespace
