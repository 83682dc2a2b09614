#include "base/atomic_file.h"
#include "base/random.h"
#include "data/hdf5_file.h"
#include "reconstruction/result.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>

namespace ptk::reconstruction {
namespace {

using testing::HasSubstr;

class ResultFile : public testing::Test {
protected:
    std::filesystem::path folder =
        std::filesystem::path(testing::TempDir()) / ("ptk_result_" + std::to_string(::getpid()));
    std::string path = (folder / "object.h5").string();
    void SetUp() override { std::filesystem::create_directories(folder); }
    void TearDown() override { std::filesystem::remove_all(folder); }

    static Result example()
    {
        const auto random = base::torch_generator(1, "result");
        Result result;
        result.object = at::randn({30, 40}, random, at::kComplexFloat);
        result.coverage = at::rand({30, 40}, random, at::kFloat);
        result.probe = at::randn({2, 16, 16}, random, at::kComplexFloat);
        result.positions = at::rand({7, 2}, random, at::kDouble) * 100;
        result.origin_x = -3;
        result.origin_y = 12;
        result.dropped = 4;
        result.object_pixel_m = 1.25e-8;
        result.fourier_errors = {0.5, 0.25, 0.125};
        result.held_out_fourier_errors = {0.6, 0.3};
        return result;
    }

    /// What load_result() says of a file that @p fill writes.
    void expect_format_error(const std::string& part, const std::function<void(data::Hdf5File&)>& fill) const
    {
        std::filesystem::remove(path);
        auto file = data::Hdf5File::create(path);
        fill(file);
        file.close();
        expect_error(Status::Format, part);
    }

    void expect_error(Status status, const std::string& part) const
    {
        try {
            load_result(path);
            ADD_FAILURE() << "expected an error with '" << part << "'";
        } catch (const Error& error) {
            EXPECT_EQ(error.status(), status) << error.message();
            EXPECT_THAT(error.message(), HasSubstr(part));
            EXPECT_THAT(error.message(), HasSubstr("object.h5"));
        }
    }
};

bool same(const at::Tensor& a, const at::Tensor& b)
{
    return a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() && a.eq(b).all().item<bool>();
}

TEST_F(ResultFile, ComesBackAsItWas)
{
    const auto before = example();
    save_result(before, path);
    const auto after = load_result(path);
    EXPECT_TRUE(same(after.object, before.object));
    EXPECT_TRUE(same(after.coverage, before.coverage));
    EXPECT_TRUE(same(after.probe, before.probe));
    EXPECT_TRUE(same(after.positions, before.positions));
    EXPECT_EQ(after.origin_x, -3);
    EXPECT_EQ(after.origin_y, 12);
    EXPECT_EQ(after.dropped, 4);
    EXPECT_EQ(after.object_pixel_m, 1.25e-8);
    EXPECT_EQ(after.fourier_errors, before.fourier_errors);
    EXPECT_EQ(after.held_out_fourier_errors, before.held_out_fourier_errors);
}

TEST_F(ResultFile, ViewsAreSavedByValueAndMissingPartsStayMissing)
{
    Result result;
    result.object = example().object.t().conj();
    save_result(result, path);
    const auto after = load_result(path);
    EXPECT_TRUE(same(after.object, result.object.resolve_conj().contiguous()));
    EXPECT_FALSE(after.probe.defined());
    EXPECT_FALSE(after.coverage.defined());
    EXPECT_TRUE(after.fourier_errors.empty());
}

TEST_F(ResultFile, SaysWhatItsNumbersAre)
{
    save_result(example(), path);
    const auto file = data::Hdf5File::open(path);
    EXPECT_EQ(file.attribute("/", "ptychokit_kind"), "reconstruction");
    EXPECT_EQ(file.number_attribute("/", "object_pixel_m"), 1.25e-8);
    EXPECT_EQ(file.attribute("probe", "unit"), "sqrt(counts)");
    EXPECT_EQ(file.attribute("positions", "unit"), "object pixel");
    EXPECT_EQ(file.type_name("object"), "complex64");
}

TEST_F(ResultFile, AnOldFileStaysUntilTheNewOneIsWhole)
{
    save_result(example(), path);
    auto broken = example();
    broken.object = at::Tensor();
    EXPECT_THROW(save_result(broken, path), Error);
    EXPECT_TRUE(same(load_result(path).object, example().object));
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1) << "nothing is left beside it";
}

TEST_F(ResultFile, OtherFilesAreNamed)
{
    expect_error(Status::Io, "object.h5");
    base::write_text(path, "not HDF5 at all");
    expect_error(Status::Format, "HDF5");
    const auto object = example().object;
    expect_format_error("ptychokit_kind", [&](auto& file) { file.write("object", object); });
    expect_format_error("expected 'reconstruction'",
                        [&](auto& file) { file.set_attribute("/", "ptychokit_kind", "model"); });

    const auto head = [](data::Hdf5File& file, double version = 1) {
        file.set_attribute("/", "ptychokit_kind", "reconstruction");
        file.set_attribute("/", "format_version", version);
        for (const char* name : {"origin_x", "origin_y", "dropped", "object_pixel_m"})
            file.set_attribute("/", name, 0.0);
    };
    expect_format_error("format version 2", [&](auto& file) { head(file, 2); });
    expect_format_error("'object' is missing", [&](auto& file) { head(file); });
    expect_format_error("'object' is real", [&](auto& file) {
        head(file);
        file.write("object", at::ones({3, 3}));
    });
    expect_format_error("'object' is complex of shape (30,)", [&](auto& file) {
        head(file);
        file.write("object", object.select(1, 0).contiguous());
    });
    expect_format_error("'coverage' has shape (3, 3)", [&](auto& file) {
        head(file);
        file.write("object", object);
        file.write("coverage", at::ones({3, 3}));
    });
    expect_format_error("'probe' has shape (1, 4, 5)", [&](auto& file) {
        head(file);
        file.write("object", object);
        file.write("probe", at::ones({1, 4, 5}, at::kComplexFloat));
    });
    expect_format_error("'positions' has shape (4, 3)", [&](auto& file) {
        head(file);
        file.write("object", object);
        file.write("positions", at::ones({4, 3}));
    });
    expect_format_error("'origin_x' is 0.5", [&](auto& file) {
        head(file);
        file.write("object", object);
        file.set_attribute("/", "origin_x", 0.5);
    });
    expect_format_error("'origin_x' is missing", [&](auto& file) {
        file.write("object", object);
        file.set_attribute("/", "ptychokit_kind", "reconstruction");
        file.set_attribute("/", "format_version", 1.0);
    });
}

TEST_F(ResultFile, EveryTruncationIsAnErrorWithTheName)
{
    save_result(example(), path);
    const auto whole = base::read_text(path);
    int refused = 0;
    for (std::size_t size = 0; size < whole.size(); size += 199) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
        try {
            load_result(path);
        } catch (const Error& error) {
            EXPECT_THAT(error.message(), HasSubstr("object.h5")) << "cut at " << size;
            ++refused;
        }
    }
    EXPECT_EQ(refused, static_cast<int>((whole.size() + 198) / 199));
}

} // namespace
} // namespace ptk::reconstruction
