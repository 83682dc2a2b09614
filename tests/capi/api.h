// What the tests of the C ABI share. They see nothing but the public headers.
#pragma once
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <ptychokit/ptychokit.h>

#include <complex>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace api {

using Json = nlohmann::json;
using Complex = std::complex<float>;

/// Owns a handle.
template <class T, void (*Free)(T*)> class Owner {
public:
    Owner() = default;
    ~Owner() { Free(handle_); }
    Owner(Owner&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Owner& operator=(Owner&& other) noexcept
    {
        std::swap(handle_, other.handle_);
        return *this;
    }
    T** out() { return &handle_; }
    operator T*() const { return handle_; } // NOLINT: handles are passed as they are
    void reset() { Free(std::exchange(handle_, nullptr)); }

private:
    T* handle_ = nullptr;
};

using Context = Owner<ptk_context, ptk_context_free>;
using Config = Owner<ptk_config, ptk_config_free>;
using Cancel = Owner<ptk_cancel, ptk_cancel_free>;
using Dataset = Owner<ptk_dataset, ptk_dataset_free>;
using Model = Owner<ptk_model, ptk_model_free>;
using Trainer = Owner<ptk_trainer, ptk_trainer_free>;
using Reconstructor = Owner<ptk_reconstructor, ptk_reconstructor_free>;
using Canvas = Owner<ptk_canvas, ptk_canvas_free>;

/// The call must have worked.
inline void ok(ptk_status status)
{
    ASSERT_EQ(status, PTK_OK) << ptk_last_error_message();
}

/// The call must have failed in this way, with these words.
inline void expect_error(ptk_status status, ptk_status expected, const std::vector<std::string>& words = {})
{
    EXPECT_EQ(status, expected) << ptk_last_error_message();
    EXPECT_EQ(ptk_last_error(), expected);
    for (const auto& word : words)
        EXPECT_NE(std::string(ptk_last_error_message()).find(word), std::string::npos)
            << "'" << word << "' is not in: " << ptk_last_error_message();
}

/// A text by the two-call pattern.
template <class Call> std::string text(Call&& call)
{
    std::size_t needed = 0;
    ok(call(nullptr, 0, &needed));
    std::string buffer(needed, '?');
    std::size_t again = 0;
    ok(call(buffer.data(), buffer.size(), &again));
    EXPECT_EQ(needed, again);
    EXPECT_EQ(buffer.back(), '\0');
    buffer.pop_back();
    return buffer;
}

template <class Call> Json json(Call&& call)
{
    return Json::parse(text(std::forward<Call>(call)));
}

template <class T> constexpr ptk_dtype dtype_of()
{
    if constexpr (std::is_same_v<T, std::uint8_t>)
        return PTK_U8;
    if constexpr (std::is_same_v<T, std::uint16_t>)
        return PTK_U16;
    if constexpr (std::is_same_v<T, std::uint32_t>)
        return PTK_U32;
    if constexpr (std::is_same_v<T, std::uint64_t>)
        return PTK_U64;
    if constexpr (std::is_same_v<T, std::int8_t>)
        return PTK_I8;
    if constexpr (std::is_same_v<T, std::int16_t>)
        return PTK_I16;
    if constexpr (std::is_same_v<T, std::int32_t>)
        return PTK_I32;
    if constexpr (std::is_same_v<T, std::int64_t>)
        return PTK_I64;
    if constexpr (std::is_same_v<T, float>)
        return PTK_F32;
    if constexpr (std::is_same_v<T, double>)
        return PTK_F64;
    if constexpr (std::is_same_v<T, std::complex<float>>)
        return PTK_C64;
    if constexpr (std::is_same_v<T, std::complex<double>>)
        return PTK_C128;
}

/// A C-contiguous array with its view.
template <class T> struct Array {
    std::vector<T> values;
    ptk_view view{};

    explicit Array(const std::vector<std::int64_t>& shape)
    {
        std::int64_t count = 1;
        for (const auto length : shape)
            count *= length;
        values.resize(static_cast<std::size_t>(count));
        ok(ptk_view_init(&view, values.data(), dtype_of<T>(), static_cast<std::int32_t>(shape.size()), shape.data()));
    }
    Array(Array&&) noexcept = default;
    std::vector<std::int64_t> shape() const { return {view.shape, view.shape + view.ndim}; }
};

/// A named array of a handle.
template <class T, class Handle>
Array<T> read(ptk_status (*shape)(const Handle*, const char*, int64_t*, int32_t, int32_t*),
              ptk_status (*copy)(const Handle*, const char*, ptk_view*), const Handle* handle, const char* name)
{
    std::int64_t lengths[PTK_MAX_NDIM] = {};
    std::int32_t ndim = 0;
    ok(shape(handle, name, lengths, PTK_MAX_NDIM, &ndim));
    Array<T> array(std::vector<std::int64_t>(lengths, lengths + ndim));
    ok(copy(handle, name, &array.view));
    return array;
}

template <class T> Array<T> read(const ptk_canvas* canvas, const char* name)
{
    return read<T>(ptk_canvas_shape, ptk_canvas_read, canvas, name);
}
template <class T> Array<T> read(const ptk_dataset* dataset, const char* name)
{
    return read<T>(ptk_dataset_shape, ptk_dataset_read, dataset, name);
}
template <class T> Array<T> read(const ptk_model* model, const char* name)
{
    return read<T>(ptk_model_shape, ptk_model_read, model, name);
}

inline Context context(const char* settings = "{}")
{
    Config config;
    ok(ptk_config_from_json(config.out(), settings));
    Context made;
    ok(ptk_context_create(made.out(), "cpu", config));
    return made;
}

inline Config config(const std::string& json)
{
    Config made;
    ok(ptk_config_from_json(made.out(), json.c_str()));
    return made;
}

/// A folder that goes away.
class Folder {
public:
    Folder()
    {
        auto pattern = (std::filesystem::temp_directory_path() / "ptk_capi_XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string file(const std::string& name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

/// A small synthetic experiment with a known object: 6 x 6 positions 4 pixels apart, frames of 16 x 16, about 1e4
/// counts.
struct Experiment {
    static constexpr std::int64_t side = 16;
    static constexpr std::int64_t rows = 6;
    static constexpr std::int64_t count = rows * rows;
    Array<float> patterns{{count, side, side}};
    Array<double> positions{{count, 2}};
    Array<Complex> probe{{1, side, side}};
    Array<Complex> object{{40, 40}};

    explicit Experiment(const ptk_context* context);
    Dataset dataset(const ptk_context* context, const char* settings = "{}") const;
};

/// Options with which it is trained in a moment.
inline const char* const quick =
    R"({"generator.width": 4, "generator.depth": 1, "training": {"epochs": 2, "batch_size": 4,
    "validation_fraction": 0.1}, "scan.group_size": 4, "probe": {"modes": 1, "warm_epochs": 1}, "refinement.epochs": 3,
    "data.measurement": "counts"})";

inline double norm(const std::vector<Complex>& values)
{
    double sum = 0;
    for (const auto& value : values)
        sum += std::norm(value);
    return std::sqrt(sum);
}

} // namespace api
