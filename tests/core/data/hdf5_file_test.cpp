#include "base/atomic_file.h"
#include "core/data/data_testing.h"
#include "data/hdf5_file.h"
#include "paths.h"

#include <gtest/gtest.h>
#include <hdf5.h>

#include <fstream>
#include <thread>

namespace ptk::data {
namespace {

class Hdf5Test : public testing_data::ScratchTest {};

TEST_F(Hdf5Test, EveryTypeComesBackAsItWasWritten)
{
    std::vector<at::Tensor> tensors;
    for (const auto type : {at::kByte, at::kChar, at::kUInt16, at::kShort, at::kInt, at::kLong, at::kFloat, at::kDouble,
                            at::kComplexFloat, at::kComplexDouble})
        tensors.push_back((at::arange(24).reshape({2, 3, 4}) + 7).to(type));
    tensors.push_back(at::full({}, 2.5, at::kDouble));
    tensors.push_back(at::zeros({0, 3}));
    tensors.push_back(at::arange(12.0).reshape({3, 4}).t());
    tensors.push_back(at::complex(at::arange(3.0), at::arange(3.0)).conj());
    auto file = Hdf5File::create(path("a.h5"));
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        file.write("plain/" + std::to_string(i), tensors[i]);
        file.write("packed/" + std::to_string(i), tensors[i], true);
    }
    file.close();
    const auto back = Hdf5File::open(path("a.h5"));
    for (std::size_t i = 0; i < tensors.size(); ++i)
        for (const std::string group : {"plain/", "packed/"}) {
            const auto read = back.read(group + std::to_string(i));
            EXPECT_EQ(read.scalar_type(), tensors[i].scalar_type()) << i;
            EXPECT_EQ(read.sizes(), tensors[i].sizes()) << i;
            EXPECT_TRUE(read.to(at::kComplexDouble).equal(tensors[i].to(at::kComplexDouble))) << i;
        }
    EXPECT_EQ(back.type_name("plain/2"), "uint16");
    EXPECT_EQ(back.type_name("plain/8"), "complex64");
    EXPECT_EQ(back.list("plain").size(), tensors.size());
}

TEST_F(Hdf5Test, RowsEqualTheSameRowsOfTheWhole)
{
    const auto stack = at::arange(7 * 5 * 3).reshape({7, 5, 3}).to(at::kInt);
    auto file = Hdf5File::create(path("a.h5"));
    file.write("x", stack, true);
    file.close();
    const auto back = Hdf5File::open(path("a.h5"));
    EXPECT_TRUE(back.read_rows("x", 2, 5).equal(stack.slice(0, 2, 5)));
    EXPECT_EQ(back.read_rows("x", 3, 3).size(0), 0);
    testing_data::expect_error(Status::InvalidArgument, "rows [5, 8) of shape (7, 5, 3)",
                               [&] { back.read_rows("x", 5, 8); });
}

TEST_F(Hdf5Test, TextsNumbersAttributesAndLinks)
{
    auto file = Hdf5File::create(path("a.h5"));
    file.write("entry_1/energy", at::full({1}, 3, at::kShort));
    file.write_string("entry_1/title", "µ-scan");
    file.write_string("empty", "");
    file.set_attribute("/", "ptychokit_kind", "test");
    file.set_attribute("entry_1/energy", "factor", 1.0);
    file.set_attribute("entry_1/energy", "factor", 2.5);
    file.link("/entry_1/energy", "other/energy");
    file.link("/nowhere", "dangling");
    testing_data::expect_error(Status::Exists, "'empty'", [&] { file.write("empty", at::zeros({1})); });
    testing_data::expect_error(Status::NotFound, "'none'", [&] { file.set_attribute("none", "a", 1.0); });
    file.close();
    const auto back = Hdf5File::open(path("a.h5"));
    EXPECT_EQ(back.read_number("other/energy"), 3);
    EXPECT_EQ(back.read_string("entry_1/title"), "µ-scan");
    EXPECT_EQ(back.read_string("empty"), "");
    EXPECT_EQ(back.attribute("/", "ptychokit_kind"), "test");
    EXPECT_EQ(back.attribute("/", "none"), std::nullopt);
    EXPECT_EQ(back.attribute("none", "none"), std::nullopt);
    EXPECT_EQ(back.attribute("entry_1/energy", "factor"), std::nullopt);
    EXPECT_EQ(back.number_attribute("entry_1/energy", "factor"), 2.5);
    EXPECT_TRUE(back.has("entry_1"));
    EXPECT_TRUE(back.has("/other/energy"));
    EXPECT_FALSE(back.has("dangling"));
    EXPECT_FALSE(back.has("entry_1/title/below"));
    EXPECT_FALSE(back.is_dataset("entry_1"));
    testing_data::expect_error(Status::NotFound, path("a.h5") + ": has no dataset 'dangling'",
                               [&] { back.read("dangling"); });
    testing_data::expect_error(Status::Format, "is not a dataset", [&] { back.read("entry_1"); });
    testing_data::expect_error(Status::Format, "has type 'string'", [&] { back.read("entry_1/title"); });
    testing_data::expect_error(Status::Format, "expected a text", [&] { back.read_string("entry_1/energy"); });
}

TEST_F(Hdf5Test, FilesOfH5pyAreRead)
{
    // Made by h5py: real/imag and swapped compounds, booleans, variable-length text, unsigned numbers, float16,
    // big-endian, chunks across frames.
    const auto file = Hdf5File::open(std::string(PTK_TEST_DATA) + "/data/types.h5");
    EXPECT_EQ(file.read_string("variable"), "µ");
    EXPECT_EQ(file.attribute("/", "variable"), "text");
    EXPECT_EQ(file.type_name("bool"), "bool");
    EXPECT_TRUE(file.read("bool").equal(at::tensor({1, 0}, at::kByte)));
    EXPECT_TRUE(file.read("uint32").equal(at::tensor(std::vector<std::int64_t>{4294967295, 1})));
    testing_data::expect_error(Status::Format, "above 9223372036854775807", [&] { file.read("uint64"); });
    EXPECT_TRUE(file.read("float16").equal(at::tensor({1.5F})));
    EXPECT_TRUE(file.read("big_endian").equal(at::tensor({1.5, -2.0}, at::kDouble)));
    const auto complex = at::complex(at::tensor({1.0, 3.0}, at::kDouble), at::tensor({2.0, 4.0}, at::kDouble));
    EXPECT_TRUE(file.read("swapped").equal(complex));
    EXPECT_TRUE(file.read("real_imag").equal(complex));
    const auto stack = at::arange(10 * 6 * 6).reshape({10, 6, 6}).to(at::kUInt16);
    EXPECT_TRUE(file.read_rows("chunks", 3, 8).to(at::kInt).equal(stack.slice(0, 3, 8).to(at::kInt)));
    testing_data::expect_error(Status::Format, "never written", [&] { file.read("never_written"); });
    testing_data::expect_error(Status::Format, "'other'", [&] { file.read("record"); });
    testing_data::expect_error(Status::Format, "'huge': claims", [&] { file.read("huge"); });
    testing_data::expect_error(Status::Format, "'vast': 40000000000000 bytes", [&] { file.read("vast"); });
}

TEST_F(Hdf5Test, WrongFilesAreErrorsWithTheirName)
{
    testing_data::expect_error(Status::Io, path("none.h5") + ": no such file",
                               [&] { Hdf5File::open(path("none.h5")); });
    testing_data::expect_error(Status::Io, "is a folder", [&] { Hdf5File::open(folder.string()); });
    testing_data::save(path("text.h5"), "text");
    testing_data::expect_error(Status::Format, "text.h5: is not an HDF5 file",
                               [&] { Hdf5File::open(path("text.h5")); });
    testing_data::expect_error(Status::Io, "no_such_folder", [&] { Hdf5File::create(path("no_such_folder/a.h5")); });
}

TEST_F(Hdf5Test, EveryTruncationIsAnError)
{
    auto file = Hdf5File::create(path("a.h5"));
    file.write("x", at::arange(50));
    file.write("y", at::arange(600.0).reshape({6, 100}), true);
    file.close();
    const auto whole = base::read_text(path("a.h5"));
    const std::size_t step = 13;
    for (std::size_t length = 0; length < whole.size(); length += step) {
        testing_data::save(path("cut.h5"), whole.substr(0, length));
        testing_data::expect_error(Status::Format, path("cut.h5"), [&] {
            const auto cut = Hdf5File::open(path("cut.h5"));
            cut.read("x");
            cut.read("y");
        });
    }
}

TEST_F(Hdf5Test, ThreadsMayReadAtOnce)
{
    auto file = Hdf5File::create(path("a.h5"));
    const auto stack = at::arange(64 * 16).reshape({64, 16});
    file.write("x", stack, true);
    file.close();
    const auto back = Hdf5File::open(path("a.h5"));
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 50; ++i) {
                const auto row = (i * 7 + t * 13) % 64;
                wrong += back.read_rows("x", row, row + 1).equal(stack.slice(0, row, row + 1)) ? 0 : 1;
            }
        });
    for (auto& thread : threads)
        thread.join();
    EXPECT_EQ(wrong, 0);
}

TEST_F(Hdf5Test, TheErrorHandlerOfTheApplicationStays)
{
    H5E_auto2_t handler = nullptr;
    void* data = nullptr;
    H5Eset_auto2(
        H5E_DEFAULT, [](hid_t, void*) -> herr_t { return 0; }, this);
    EXPECT_THROW(Hdf5File::open(path("none.h5")), Error);
    auto file = Hdf5File::create(path("a.h5"));
    EXPECT_THROW(file.read("x"), Error);
    H5Eget_auto2(H5E_DEFAULT, &handler, &data);
    EXPECT_EQ(data, this);
}

} // namespace
} // namespace ptk::data
