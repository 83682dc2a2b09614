#include "api.h"

#include <cmath>
#include <cstddef>
#include <limits>

using namespace api;

// The layouts that callers have compiled in.
static_assert(offsetof(ptk_view, data) == 0 && offsetof(ptk_view, dtype) == 8 && offsetof(ptk_view, ndim) == 12 &&
              offsetof(ptk_view, device_type) == 16 && offsetof(ptk_view, device_id) == 20 &&
              offsetof(ptk_view, shape) == 24 && offsetof(ptk_view, strides) == 72 && sizeof(ptk_view) == 120 &&
              PTK_MAX_NDIM == 6);
static_assert(offsetof(ptk_progress, struct_size) == 0 && offsetof(ptk_progress, phase) == 8 &&
              offsetof(ptk_progress, epoch) == 16 && offsetof(ptk_progress, epochs) == 24 &&
              offsetof(ptk_progress, step) == 32 && offsetof(ptk_progress, steps) == 40 &&
              offsetof(ptk_progress, loss) == 48 && offsetof(ptk_progress, validation_loss) == 56 &&
              offsetof(ptk_progress, frames_per_second) == 64 && offsetof(ptk_progress, seconds) == 72 &&
              sizeof(ptk_progress) == 80);

namespace {

constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max();

/// Calls that take a view, each with the others right.
struct Entry {
    const char* name;
    std::function<ptk_status(ptk_view*)> call;
};

class Views : public ::testing::Test {
protected:
    Context ctx = context();
    Experiment experiment{ctx};
    Dataset dataset = experiment.dataset(ctx);
    Config settings = config(quick);
    Model model;
    Reconstructor reconstructor;
    Canvas canvas;
    Array<Complex> patches{{Experiment::count, Experiment::side, Experiment::side}};

    void SetUp() override
    {
        ok(ptk_model_create(model.out(), ctx, Experiment::side, settings));
        ok(ptk_model_set_probe(model, &experiment.probe.view));
        ok(ptk_reconstructor_create(reconstructor.out(), ctx, model, settings));
        ok(ptk_canvas_create(canvas.out(), ctx, 40, 40, 0, 0, nullptr));
    }

    std::vector<Entry> entries()
    {
        const auto* patterns = &experiment.patterns.view;
        const auto* positions = &experiment.positions.view;
        return {
            {"from_arrays patterns",
             [=, this](ptk_view* v) {
                 Dataset d;
                 return ptk_dataset_from_arrays(d.out(), ctx, v, positions, nullptr, nullptr, nullptr);
             }},
            {"from_arrays positions",
             [=, this](ptk_view* v) {
                 Dataset d;
                 return ptk_dataset_from_arrays(d.out(), ctx, patterns, v, nullptr, nullptr, nullptr);
             }},
            {"from_arrays probe",
             [=, this](ptk_view* v) {
                 Dataset d;
                 return ptk_dataset_from_arrays(d.out(), ctx, patterns, positions, v, nullptr, nullptr);
             }},
            {"from_arrays object",
             [=, this](ptk_view* v) {
                 Dataset d;
                 return ptk_dataset_from_arrays(d.out(), ctx, patterns, positions, nullptr, v, nullptr);
             }},
            {"dataset read", [this](ptk_view* v) { return ptk_dataset_read(dataset, "patterns", v); }},
            {"dataset read probe", [this](ptk_view* v) { return ptk_dataset_read(dataset, "probe", v); }},
            {"read_patterns", [this](ptk_view* v) { return ptk_dataset_read_patterns(dataset, 0, v); }},
            {"set_probe", [this](ptk_view* v) { return ptk_model_set_probe(model, v); }},
            {"model read", [this](ptk_view* v) { return ptk_model_read(model, "probe", v); }},
            {"predict patterns",
             [this](ptk_view* v) { return ptk_reconstructor_predict(reconstructor, v, nullptr, &patches.view); }},
            {"predict positions",
             [=, this](ptk_view* v) { return ptk_reconstructor_predict(reconstructor, patterns, v, &patches.view); }},
            {"predict patches_out",
             [=, this](ptk_view* v) { return ptk_reconstructor_predict(reconstructor, patterns, nullptr, v); }},
            {"forward patches",
             [this](ptk_view* v) { return ptk_forward(ctx, v, &experiment.probe.view, &experiment.patterns.view); }},
            {"forward probe",
             [this](ptk_view* v) { return ptk_forward(ctx, &patches.view, v, &experiment.patterns.view); }},
            {"forward intensity_out",
             [this](ptk_view* v) { return ptk_forward(ctx, &patches.view, &experiment.probe.view, v); }},
            {"create_around",
             [this](ptk_view* v) {
                 Canvas c;
                 return ptk_canvas_create_around(c.out(), ctx, v, 16, nullptr);
             }},
            {"add patches", [=, this](ptk_view* v) { return ptk_canvas_add(canvas, v, positions, nullptr); }},
            {"add positions", [this](ptk_view* v) { return ptk_canvas_add(canvas, &patches.view, v, nullptr); }},
            {"add weights", [=, this](ptk_view* v) { return ptk_canvas_add(canvas, &patches.view, positions, v); }},
            {"canvas read", [this](ptk_view* v) { return ptk_canvas_read(canvas, "object", v); }},
            {"evaluate",
             [this](ptk_view* v) {
                 std::size_t n = 0;
                 return ptk_evaluate(canvas, v, nullptr, nullptr, 0, &n);
             }},
        };
    }
};

/// Views that no memory can have. LibTorch would end the process on some of them.
std::vector<std::pair<std::string, ptk_view>> hostile_views(void* memory)
{
    ptk_view sound{};
    const std::int64_t shape[] = {2, 16, 16};
    ok(ptk_view_init(&sound, memory, PTK_F32, 3, shape));
    std::vector<std::pair<std::string, ptk_view>> views;
    const auto add = [&](const char* name, const std::function<void(ptk_view&)>& change) {
        for (const ptk_dtype dtype : {PTK_F32, PTK_F64, PTK_C64, PTK_U16})
            for (const int ndim : {2, 3, 4}) {
                auto view = sound;
                view.dtype = dtype;
                view.ndim = ndim;
                view.shape[3] = view.strides[3] = 1;
                change(view);
                views.emplace_back(
                    std::string(name) + ", dtype " + std::to_string(dtype) + ", ndim " + std::to_string(ndim), view);
            }
    };
    add("negative stride", [](ptk_view& v) { v.strides[0] = -1; });
    add("most negative stride", [](ptk_view& v) { v.strides[1] = std::numeric_limits<std::int64_t>::min(); });
    add("largest strides", [](ptk_view& v) { v.strides[0] = v.strides[1] = huge; });
    add("extent overflows", [](ptk_view& v) {
        v.strides[0] = huge / 2;
        v.shape[0] = 5;
    });
    add("bytes overflow", [](ptk_view& v) { v.strides[0] = huge / 2; });
    add("sum of reaches overflows", [](ptk_view& v) {
        v.shape[0] = v.shape[1] = 2;
        v.strides[0] = v.strides[1] = huge / 2 + 1;
    });
    add("count overflows", [](ptk_view& v) {
        v.shape[0] = v.shape[1] = std::int64_t{1} << 32;
        v.strides[0] = v.strides[1] = 0;
    });
    add("behind the address space", [](ptk_view& v) { v.strides[0] = huge / 32; });
    add("zero length", [](ptk_view& v) { v.shape[1] = 0; });
    add("negative length", [](ptk_view& v) { v.shape[0] = -3; });
    add("most negative length", [](ptk_view& v) { v.shape[0] = std::numeric_limits<std::int64_t>::min(); });
    add("negative ndim", [](ptk_view& v) { v.ndim = -1; });
    add("too many axes", [](ptk_view& v) { v.ndim = 7; });
    add("unknown dtype", [](ptk_view& v) { v.dtype = 77; });
    add("no data", [](ptk_view& v) { v.data = nullptr; });
    add("unknown device", [](ptk_view& v) { v.device_type = 99; });
    add("no such CUDA device", [](ptk_view& v) {
        v.device_type = PTK_DEVICE_CUDA;
        v.device_id = 99;
    });
    add("negative CUDA device", [](ptk_view& v) {
        v.device_type = PTK_DEVICE_CUDA;
        v.device_id = -1;
    });
    return views;
}

TEST_F(Views, NoHostileViewIsAcceptedAnywhere)
{
    std::vector<double> memory(4096, 1.0);
    const auto views = hostile_views(memory.data());
    for (const auto& entry : entries())
        for (const auto& [name, view] : views) {
            auto copy = view;
            const auto status = entry.call(&copy);
            EXPECT_NE(status, PTK_OK) << entry.name << ": " << name;
            EXPECT_NE(status, PTK_ERR_INTERNAL) << entry.name << ": " << name << ": " << ptk_last_error_message();
        }
}

TEST_F(Views, WrongShapesAndKindsNameTheArgument)
{
    Array<float> flat({7});
    Array<float> deep({1, 1, 1, 1, 1, 3});
    Array<Complex> waves({3, 5, 7});
    Array<float> reals({3, 5, 7});
    for (const auto& entry : entries())
        for (auto* view : {&flat.view, &deep.view, &waves.view, &reals.view}) {
            const auto status = entry.call(view);
            EXPECT_TRUE(status == PTK_ERR_SHAPE || status == PTK_ERR_INVALID_ARGUMENT)
                << entry.name << ": " << status << " " << ptk_last_error_message();
        }
    Array<float> narrow({Experiment::count, 16, 15});
    expect_error(ptk_reconstructor_predict(reconstructor, &narrow.view, nullptr, &patches.view), PTK_ERR_SHAPE,
                 {"ptk_reconstructor_predict", "patches_out", "(36, 16, 15)"});
    Array<Complex> narrow_patches({Experiment::count, 16, 15});
    expect_error(ptk_reconstructor_predict(reconstructor, &narrow.view, nullptr, &narrow_patches.view), PTK_ERR_SHAPE,
                 {"patterns", "16"});
}

TEST_F(Views, MisalignedDataIsRefused)
{
    alignas(8) unsigned char bytes[64] = {};
    ptk_view view{};
    const std::int64_t shape[] = {2};
    expect_error(ptk_view_init(&view, bytes + 1, PTK_F64, 1, shape), PTK_ERR_SHAPE, {"aligned to 8"});
    ok(ptk_view_init(&view, bytes + 1, PTK_U8, 1, shape));
}

TEST_F(Views, OutputsThatOverlapThemselvesAreRefused)
{
    std::vector<Complex> memory(40 * 40);
    ptk_view view{};
    const std::int64_t shape[] = {40, 40};
    ok(ptk_view_init(&view, memory.data(), PTK_C64, 2, shape));
    for (const auto& [rows, columns] : {std::pair{0, 1}, {1, 0}, {1, 1}, {39, 1}, {2, 3}}) {
        view.strides[0] = rows;
        view.strides[1] = columns;
        expect_error(ptk_canvas_read(canvas, "object", &view), PTK_ERR_SHAPE, {"overlap"});
    }
}

TEST_F(Views, StridesOfOutputsAreHonouredAndGapsStay)
{
    // Transposed, with a gap after every number.
    std::vector<double> memory(static_cast<std::size_t>(2 * 2 * Experiment::count), -7);
    ptk_view view{};
    const std::int64_t shape[] = {Experiment::count, 2};
    ok(ptk_view_init(&view, memory.data(), PTK_F64, 2, shape));
    view.strides[0] = 2;
    view.strides[1] = 2 * Experiment::count;
    ok(ptk_dataset_read(dataset, "positions", &view));
    for (std::size_t n = 0; n < Experiment::count; ++n) {
        EXPECT_EQ(memory[2 * n], experiment.positions.values[2 * n]);
        EXPECT_EQ(memory[2 * n + 2 * Experiment::count], experiment.positions.values[2 * n + 1]);
        EXPECT_EQ(memory[2 * n + 1], -7);
    }
}

TEST_F(Views, ReadsConvertWithinRealAndWithinComplex)
{
    const auto single = read<float>(dataset, "positions");
    const auto whole = read<std::int16_t>(dataset, "positions");
    const auto wide = read<std::complex<double>>(dataset, "probe");
    EXPECT_EQ(single.values[2], static_cast<float>(experiment.positions.values[2]));
    EXPECT_EQ(whole.values[2], static_cast<std::int16_t>(experiment.positions.values[2]));
    EXPECT_EQ(static_cast<Complex>(wide.values[5]), experiment.probe.values[5]);
    Array<float> real({1, 16, 16});
    expect_error(ptk_dataset_read(dataset, "probe", &real.view), PTK_ERR_SHAPE, {"array_out", "complex"});
}

TEST_F(Views, AViewOfAGigabyteAndMoreIsJustNumbers)
{
    // Nothing is touched: 2^40 elements of one repeated number, refused for their shape only.
    ptk_view view = experiment.patterns.view;
    view.shape[0] = std::int64_t{1} << 40;
    view.strides[0] = 0;
    Array<double> positions({1, 2});
    Dataset made;
    expect_error(ptk_dataset_read(dataset, "patterns", &view), PTK_ERR_SHAPE, {"1099511627776"});
    expect_error(ptk_reconstructor_predict(reconstructor, &view, nullptr, &patches.view), PTK_ERR_SHAPE,
                 {"1099511627776"});
}

TEST(Forward, EqualsTheSumOfTheDefinition)
{
    const auto ctx = context();
    constexpr int n = 4;
    Array<Complex> patch({1, n, n});
    Array<Complex> probe({2, n, n});
    for (int i = 0; i < n * n; ++i) {
        patch.values[static_cast<std::size_t>(i)] =
            std::polar(1.F + 0.1F * static_cast<float>(i % 3), 0.3F * static_cast<float>(i));
        probe.values[static_cast<std::size_t>(i)] = Complex(static_cast<float>(i % 5), 1);
        probe.values[static_cast<std::size_t>(n * n + i)] = Complex(0.5F, static_cast<float>(i % 4));
    }
    Array<double> intensity({1, n, n});
    ok(ptk_forward(ctx, &patch.view, &probe.view, &intensity.view));
    for (int ky = 0; ky < n; ++ky)
        for (int kx = 0; kx < n; ++kx) {
            double expected = 0;
            for (int m = 0; m < 2; ++m) {
                std::complex<double> sum;
                for (int y = 0; y < n; ++y)
                    for (int x = 0; x < n; ++x) {
                        const double turns =
                            static_cast<double>((ky - n / 2) * (y - n / 2) + (kx - n / 2) * (x - n / 2)) / n;
                        const auto wave =
                            std::complex<double>(probe.values[static_cast<std::size_t>((m * n + y) * n + x)]) *
                            std::complex<double>(patch.values[static_cast<std::size_t>(y * n + x)]);
                        sum += wave * std::polar(1.0, -2 * M_PI * turns);
                    }
                expected += std::norm(sum) / (n * n);
            }
            EXPECT_NEAR(intensity.values[static_cast<std::size_t>(ky * n + kx)], expected, 1e-5 * (1 + expected))
                << ky << ", " << kx;
        }
}

// DLPack 1.x, written down here from its specification, as a foreign producer would have it.
struct DlpackTensor {
    void* data;
    std::int32_t device_type, device_id, ndim;
    std::uint8_t code, bits;
    std::uint16_t lanes;
    std::int64_t *shape, *strides;
    std::uint64_t byte_offset;
};
struct DlpackManaged {
    std::uint32_t major, minor;
    void* manager;
    void (*deleter)(DlpackManaged*);
    std::uint64_t flags;
    DlpackTensor tensor;
};

TEST(Dlpack, IsBorrowedWithOffsetAndStrides)
{
    float values[8] = {};
    std::int64_t shape[] = {2, 3};
    std::int64_t strides[] = {1, 2};
    DlpackManaged managed{1, 1, nullptr, nullptr, 0, {values, 1, 0, 2, 2, 32, 1, shape, strides, 4}};
    const auto* tensor = reinterpret_cast<const DLManagedTensorVersioned*>(&managed);
    ptk_view view{};
    ok(ptk_view_from_dlpack(&view, tensor));
    EXPECT_EQ(view.data, values + 1);
    EXPECT_EQ(view.dtype, PTK_F32);
    EXPECT_EQ(view.strides[1], 2);
    managed.tensor.strides = nullptr;
    ok(ptk_view_from_dlpack(&view, tensor));
    EXPECT_EQ(view.strides[0], 3);
    EXPECT_EQ(view.strides[1], 1);

    managed.tensor.lanes = 4;
    expect_error(ptk_view_from_dlpack(&view, tensor), PTK_ERR_UNSUPPORTED, {"4 lanes"});
    EXPECT_EQ(view.data, nullptr);
    managed.tensor.lanes = 1;
    managed.tensor.device_type = 10; // ROCm
    expect_error(ptk_view_from_dlpack(&view, tensor), PTK_ERR_UNSUPPORTED, {"device_type 10"});
    managed.tensor.device_type = 1;
    strides[0] = -1;
    managed.tensor.strides = strides;
    expect_error(ptk_view_from_dlpack(&view, tensor), PTK_ERR_SHAPE, {"stride -1"});
    managed.major = 2;
    expect_error(ptk_view_from_dlpack(&view, tensor), PTK_ERR_UNSUPPORTED, {"DLPack 2"});
}

TEST(ViewInit, RefusesWhatCannotBeAndCountsBeyond32Bits)
{
    std::int32_t value = 0;
    ptk_view view{};
    const std::int64_t overflow[] = {huge, 2};
    expect_error(ptk_view_init(&view, &value, PTK_U8, 2, overflow), PTK_ERR_SHAPE, {"larger than any memory"});
    EXPECT_EQ(view.data, nullptr);
    const std::int64_t zero[] = {0};
    expect_error(ptk_view_init(&view, &value, PTK_U8, 1, zero), PTK_ERR_SHAPE, {"axis 0"});
    expect_error(ptk_view_init(&view, &value, 12345, 1, zero + 0), PTK_ERR_SHAPE);
    const std::int64_t large[] = {3, std::int64_t{1} << 33};
    ok(ptk_view_init(&view, &value, PTK_U8, 2, large));
    EXPECT_EQ(view.strides[0], std::int64_t{1} << 33);
    ok(ptk_view_init(&view, &value, PTK_I32, 0, nullptr));
}

TEST(Dtypes, SizesAreThoseOfC)
{
    EXPECT_EQ(ptk_dtype_size(PTK_U8), 1U);
    EXPECT_EQ(ptk_dtype_size(PTK_BOOL), 1U);
    EXPECT_EQ(ptk_dtype_size(PTK_I16), 2U);
    EXPECT_EQ(ptk_dtype_size(PTK_U32), 4U);
    EXPECT_EQ(ptk_dtype_size(PTK_U64), 8U);
    EXPECT_EQ(ptk_dtype_size(PTK_C64), 8U);
    EXPECT_EQ(ptk_dtype_size(PTK_C128), 16U);
    EXPECT_EQ(ptk_dtype_size(static_cast<ptk_dtype_code>(19)), 0U);
}

} // namespace
