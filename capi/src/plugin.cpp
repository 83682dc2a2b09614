#include "plugin.h"

#include "base/text.h"
#include "generators/external.h"
#include "guard.h"

#include <dlfcn.h>

#include <array>
#include <cctype>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>

using namespace ptk;
using namespace ptk::capi;
using generators::ExternalNetwork;

namespace {

constexpr std::int64_t most_parameters = 65536;
constexpr std::size_t longest_name = 64;
constexpr std::size_t longest_text = std::size_t{1} << 16;

/// A text of a plug-in, which may be anything.
std::string checked_text(const char* text, const std::string& origin, const char* what, std::size_t longest)
{
    require(text != nullptr, Status::InvalidArgument, "{}: {} is NULL", origin, what);
    const auto length = ::strnlen(text, longest + 1);
    require(length <= longest, Status::InvalidArgument, "{}: {} is longer than {} bytes", origin, what, longest);
    return {text, length};
}

/// A registered table with its own copies of the texts; releases the user's data at the end.
class Table {
public:
    /// @param origin  what errors begin with
    Table(const ptk_generator_table* given, const std::string& origin) : functions_(checked(given, origin))
    {
        name_ = checked_text(functions_.name, origin, "name", longest_name);
        const bool is_word = !name_.empty() && std::all_of(name_.begin(), name_.end(), [](unsigned char c) {
            return std::isalnum(c) != 0 || c == '_';
        });
        require(is_word, Status::InvalidArgument, "{}: name '{}'; expected letters, digits and '_'", origin, name_);
        const auto where = fmt::format("{}: generator '{}'", origin, name_);
        const auto optional = [&](const char* text, const char* what) {
            return text == nullptr ? std::string() : checked_text(text, where, what, longest_text);
        };
        metadata_ = {.name = name_,
                     .summary = checked_text(functions_.summary, where, "summary", 1024),
                     .source = optional(functions_.source, "source"),
                     .capabilities = {"any N that the plug-in takes", "C = 1..64 frames as channels",
                                      "the probe it was trained with",
                                      functions_.vjp == nullptr ? "predicts only" : "trains"},
                     .options = generators::external_options(name_, optional(functions_.options, "options"))};
        require(functions_.output >= PTK_OUTPUT_REAL_IMAG && functions_.output <= PTK_OUTPUT_AMP_PHASE_LOGITS,
                Status::InvalidArgument, "{}: output {} is none of enum ptk_generator_output_code", where,
                functions_.output);
        for (const auto& [function, what] : {std::pair(functions_.create != nullptr, "create"),
                                             std::pair(functions_.parameter_count != nullptr, "parameter_count"),
                                             std::pair(functions_.parameter != nullptr, "parameter"),
                                             std::pair(functions_.initialise != nullptr, "initialise"),
                                             std::pair(functions_.forward != nullptr, "forward")})
            require(function, Status::InvalidArgument, "{}: function {} is NULL", where, what);
    }
    ~Table()
    {
        if (owns_ && functions_.free_user_data != nullptr)
            functions_.free_user_data(functions_.user_data);
    }
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;

    /// From now on the user's data are ours to release.
    void own() noexcept { owns_ = true; }
    const ptk_generator_table& functions() const noexcept { return functions_; }
    const std::string& name() const noexcept { return name_; }
    const registry::Metadata& metadata() const noexcept { return metadata_; }

    generators::OutputMode output() const noexcept
    {
        using generators::OutputMode;
        if (functions_.output == PTK_OUTPUT_AMP_PHASE)
            return OutputMode::AmpPhase;
        return functions_.output == PTK_OUTPUT_AMP_PHASE_LOGITS ? OutputMode::AmpPhaseLogits : OutputMode::RealImag;
    }

private:
    static ptk_generator_table checked(const ptk_generator_table* given, const std::string& origin)
    {
        require(given != nullptr, Status::InvalidArgument, "{}: table is NULL", origin);
        require(given->struct_size >= static_cast<std::int64_t>(offsetof(ptk_generator_table, name)),
                Status::InvalidArgument, "{}: struct_size of the table is {}; expected sizeof(ptk_generator_table)",
                origin, given->struct_size);
        require(given->abi == PTK_PLUGIN_ABI, Status::Unsupported,
                "{}: made for plug-in ABI {}, this library has {}; compile it with this library's header", origin,
                given->abi, PTK_PLUGIN_ABI);
        require(given->struct_size >= static_cast<std::int64_t>(sizeof(ptk_generator_table)), Status::InvalidArgument,
                "{}: struct_size of the table is {}; expected at least {}", origin, given->struct_size,
                sizeof(ptk_generator_table));
        return *given;
    }

    ptk_generator_table functions_;
    std::string name_;
    registry::Metadata metadata_;
    bool owns_ = false;
};

/// A network of a table.
class TableNetwork : public ExternalNetwork {
public:
    TableNetwork(std::shared_ptr<const Table> table, std::int64_t channels, std::int64_t side,
                 const std::string& options)
        : table_(std::move(table))
    {
        const ptk_generator_problem problem{.struct_size = sizeof(ptk_generator_problem),
                                            .channels = channels,
                                            .side = side,
                                            .options = options.c_str(),
                                            .set_error_message = ptk_set_error_message};
        call("create", [&] { return table_->functions().create(&self_, &problem, table_->functions().user_data); });
    }
    ~TableNetwork() override
    {
        if (table_->functions().destroy != nullptr)
            table_->functions().destroy(self_);
    }
    TableNetwork(const TableNetwork&) = delete;
    TableNetwork& operator=(const TableNetwork&) = delete;

    std::vector<Parameter> parameters() override
    {
        std::int64_t count = 0;
        call("parameter_count", [&] {
            count = table_->functions().parameter_count(self_);
            return PTK_OK;
        });
        require(count >= 0 && count <= most_parameters, Status::InvalidArgument,
                "generator '{}': parameter_count is {}; expected 0 to {}", table_->name(), count, most_parameters);
        std::vector<Parameter> all;
        for (std::int64_t index = 0; index < count; ++index)
            all.push_back(parameter(index));
        return all;
    }

    void initialise(std::size_t index, std::uint64_t seed, float* values) override
    {
        call("initialise",
             [&] { return table_->functions().initialise(self_, static_cast<std::int64_t>(index), seed, values); });
    }

    bool trainable() const override { return table_->functions().vjp != nullptr; }

    void forward(const Arrays& parameters, std::int64_t batch, const float* amplitudes, float* images) override
    {
        call("forward",
             [&] { return table_->functions().forward(self_, parameters.data(), batch, amplitudes, images); });
    }

    void vjp(const Arrays& parameters, std::int64_t batch, const float* amplitudes, const float* grad_images,
             const Targets& grad_parameters) override
    {
        call("vjp", [&] {
            return table_->functions().vjp(self_, parameters.data(), batch, amplitudes, grad_images,
                                           grad_parameters.data());
        });
    }

private:
    Parameter parameter(std::int64_t index)
    {
        ptk_generator_parameter described{};
        described.struct_size = sizeof described;
        call("parameter", [&] { return table_->functions().parameter(self_, index, &described); });
        const auto where = fmt::format("generator '{}': parameter {}", table_->name(), index);
        require(described.ndim >= 0 && described.ndim <= PTK_MAX_NDIM, Status::InvalidArgument,
                "{}: {} axes; expected 0 to {}", where, described.ndim, PTK_MAX_NDIM);
        return {checked_text(described.name, where, "name", 128), {described.shape, described.shape + described.ndim}};
    }

    /// A call that names the plug-in when it fails.
    template <class Work> void call(const char* function, Work&& work)
    {
        forget_callback_message();
        ptk_status status = PTK_OK;
        std::string words;
        try {
            status = work();
        } catch (const std::exception& error) { // not allowed, but in C++ we can still say so
            status = PTK_ERR_CALLBACK;
            words = fmt::format("an exception left it: {}", error.what());
        } catch (...) {
            status = PTK_ERR_CALLBACK;
            words = "an exception left it";
        }
        if (status == PTK_OK)
            return;
        if (words.empty())
            words = callback_message().value_or("status " + std::to_string(status));
        const bool known =
            std::string_view(function) == "create" && (status == PTK_ERR_SHAPE || status == PTK_ERR_INVALID_CONFIG);
        fail(known ? static_cast<Status>(status) : Status::Callback, "generator '{}': {} of the plug-in failed: {}",
             table_->name(), function, words);
    }

    std::shared_ptr<const Table> table_;
    void* self_ = nullptr;
};

generators::Factory factory_of(const std::shared_ptr<const Table>& table)
{
    return [table](const generators::Problem& problem, const config::Settings& settings, at::Generator random) {
        const auto channels = generators::channels_of(table->name(), problem, settings, 1);
        return std::make_unique<generators::External>(
            generators::ChannelGenerator::Layout{table->name(), channels, problem.side, table->output()},
            std::make_unique<TableNetwork>(table, channels, problem.side, generators::external_values(settings)),
            std::move(random));
    };
}

void register_tables(const Context& context, const std::vector<std::shared_ptr<Table>>& tables)
{
    std::vector<generators::GeneratorRegistry::Entry> entries;
    for (const auto& table : tables)
        entries.push_back({table->metadata(), factory_of(table)});
    context.registry.add_all(std::move(entries));
    for (const auto& table : tables)
        table->own();
}

/// An opened shared library, closed again unless it is kept.
class Library {
public:
    explicit Library(const std::string& path) : path_(path)
    {
        // A plain name would be looked for where libraries are.
        const auto file = std::filesystem::absolute(path);
        handle_ = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (handle_ == nullptr)
            fail(Status::Io, "{}: cannot be loaded: {}", path, ::dlerror());
    }
    ~Library()
    {
        if (handle_ != nullptr)
            ::dlclose(handle_);
    }
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;

    /// Its functions are used until the process ends.
    void keep() noexcept { handle_ = nullptr; }

    const ptk_plugin& plugin() const
    {
        const auto entry = reinterpret_cast<ptk_plugin_entry_fn>(::dlsym(handle_, "ptk_plugin_entry"));
        require(entry != nullptr, Status::Format, "{}: a shared library without ptk_plugin_entry, not a plug-in",
                path_);
        const ptk_plugin* plugin = nullptr;
        forget_callback_message();
        try {
            plugin = entry();
        } catch (...) {
            fail(Status::Callback, "{}: an exception left ptk_plugin_entry", path_);
        }
        require(plugin != nullptr, Status::Callback, "{}: ptk_plugin_entry gave up: {}", path_,
                callback_message().value_or("no reason given"));
        return *plugin;
    }

private:
    std::string path_;
    void* handle_ = nullptr;
};

void load_library(const Context& context, const std::string& path)
{
    Library library(path);
    const auto& plugin = library.plugin();
    require(plugin.struct_size >= static_cast<std::int64_t>(sizeof(ptk_plugin)), Status::InvalidArgument,
            "{}: struct_size of the plug-in is {}; expected at least {}", path, plugin.struct_size, sizeof(ptk_plugin));
    require(plugin.abi == PTK_PLUGIN_ABI, Status::Unsupported,
            "{}: made for plug-in ABI {}, this library has {}; compile it with this library's header", path, plugin.abi,
            PTK_PLUGIN_ABI);
    require(plugin.generator_count >= 1 && plugin.generator_count <= 256 && plugin.generators != nullptr,
            Status::InvalidArgument, "{}: brings {} generators; expected 1 to 256", path,
            plugin.generators == nullptr ? 0 : plugin.generator_count);
    std::vector<std::shared_ptr<Table>> tables;
    for (std::int32_t i = 0; i < plugin.generator_count; ++i)
        tables.push_back(std::make_shared<Table>(plugin.generators[i], path));
    try {
        register_tables(context, tables);
    } catch (const Error& error) {
        throw Error(error.status(), fmt::format("{}: {}", path, error.message()));
    }
    library.keep();
}

/// The first bytes of a file.
std::string beginning_of(const std::string& path)
{
    std::array<char, 4> bytes{};
    std::ifstream file(path, std::ios::binary);
    require(file.good() && !std::filesystem::is_directory(path), Status::Io, "{}: cannot be read", path);
    file.read(bytes.data(), bytes.size());
    return {bytes.data(), static_cast<std::size_t>(file.gcount())};
}

} // namespace

namespace ptk::capi {

void load_plugin(const Context& context, const std::string& path)
{
    const auto beginning = beginning_of(path);
    if (beginning == "\x7f"
                     "ELF")
        return load_library(context, path);
    require(beginning == "PK\x03\x04", Status::Format,
            "{}: neither a shared library nor a TorchScript program (torch.jit.save)", path);
    context.programs->add(path);
}

void load_plugins(const Context& context, const std::string& paths)
{
    for (const auto& path : base::parts_of(paths, ':'))
        load_plugin(context, path);
}

} // namespace ptk::capi

ptk_status ptk_generator_register(ptk_context* ctx, const ptk_generator_table* table)
{
    return guard("ptk_generator_register", [&] {
        const auto& context = *required(ctx, "ctx").context;
        require(table != nullptr, Status::InvalidArgument, "table is NULL");
        register_tables(context, {std::make_shared<Table>(table, "table")});
    });
}

ptk_status ptk_plugin_load(ptk_context* ctx, const char* path)
{
    return guard("ptk_plugin_load", [&] {
        const auto& context = *required(ctx, "ctx").context;
        load_plugin(context, required_text(path, "path"));
    });
}
