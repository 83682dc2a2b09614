#include "base/atomic_file.h"
#include "core/data/data_testing.h"
#include "core/golden.h"
#include "data/npz.h"
#include "paths.h"

#include <gtest/gtest.h>

#include <fstream>

namespace ptk::data {
namespace {

using testing::HasSubstr;
using testing_data::expect_error;

class NpzTest : public testing_data::ScratchTest {
protected:
    /// A .npy file with this header dictionary and these bytes.
    std::string npy(const std::string& dictionary, const std::string& bytes, char version = 1) const
    {
        std::string text = std::string("\x93NUMPY") + version + '\0';
        text += static_cast<char>(dictionary.size() & 0xff);
        text += static_cast<char>(dictionary.size() >> 8);
        if (version > 1)
            text += std::string(2, '\0');
        std::ofstream(path("x.npy"), std::ios::binary) << text << dictionary << bytes;
        return path("x.npy");
    }
};

TEST_F(NpzTest, EveryTypeComesBackAsItWasWritten)
{
    std::vector<std::pair<std::string, at::Tensor>> arrays;
    for (const auto type : {at::kByte, at::kChar, at::kUInt16, at::kShort, at::kInt, at::kLong, at::kFloat, at::kDouble,
                            at::kComplexFloat, at::kComplexDouble})
        arrays.emplace_back(std::string("dir/") + c10::toString(type),
                            (at::arange(24).reshape({2, 3, 4}) + 7).to(type));
    arrays.emplace_back("scalar", at::full({}, 2.5, at::kDouble));
    arrays.emplace_back("empty", at::zeros({0, 3}));
    arrays.emplace_back("strided", at::arange(12.0).reshape({3, 4}).t());
    write_npz(path("a.npz"), arrays);
    const auto archive = Npz::open(path("a.npz"));
    ASSERT_EQ(archive.names().size(), arrays.size());
    for (const auto& [name, array] : arrays) {
        const auto back = archive.read(name);
        EXPECT_EQ(back.scalar_type(), array.scalar_type()) << name;
        EXPECT_EQ(back.sizes(), array.sizes()) << name;
        EXPECT_TRUE(back.to(at::kComplexDouble).equal(array.to(at::kComplexDouble))) << name;
    }
    EXPECT_EQ(archive.header("strided").shape, (std::vector<std::int64_t>{4, 3}));
}

TEST_F(NpzTest, EqualContentGivesEqualBytes)
{
    write_npz(path("a.npz"), {{"x", at::arange(10)}});
    write_npz(path("b.npz"), {{"x", at::arange(10)}});
    EXPECT_EQ(base::read_text(path("a.npz")), base::read_text(path("b.npz")));
}

TEST_F(NpzTest, ForeignByteOrderAndFortranOrderAreUndone)
{
    const auto big =
        read_npy(npy("{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }", std::string("\x01\x02\xff\xfe", 4)));
    EXPECT_TRUE(big.equal(at::tensor({258, -2}, at::kShort)));
    const auto fortran =
        read_npy(npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)}", std::string("\1\2\3\4\5\6", 6)));
    EXPECT_TRUE(fortran.equal(at::tensor({1, 3, 5, 2, 4, 6}, at::kByte).reshape({2, 3})));
    const auto complex = read_npy(
        npy("{'descr': '>c8', 'fortran_order': False, 'shape': ()}", std::string("\x3f\x80\0\0\x40\0\0\0", 8)));
    EXPECT_EQ(complex.item<c10::complex<float>>(), (c10::complex<float>(1, 2)));
}

TEST_F(NpzTest, UnsignedAndHalfNumbersAreWidened)
{
    const auto u4 = read_npy(
        npy("{'descr': '<u4', 'fortran_order': False, 'shape': (2L,)}", std::string("\xff\xff\xff\xff\x01\0\0\0", 8)));
    EXPECT_TRUE(u4.equal(at::tensor(std::vector<std::int64_t>{4294967295, 1})));
    const auto half =
        read_npy(npy("{'descr': '<f2', 'fortran_order': False, 'shape': (1,)}", std::string("\0\x3e", 2), 2));
    EXPECT_TRUE(half.equal(at::tensor({1.5F})));
    const auto file = npy("{'descr': '<u8', 'fortran_order': False, 'shape': (1,)}", std::string(8, '\xff'));
    expect_error(Status::Format, "above 9223372036854775807", [&] { read_npy(file); });
}

TEST_F(NpzTest, BadHeadersAreErrorsThatSayWhatIsWrong)
{
    const auto check = [&](const std::string& dictionary, const std::string& bytes, const std::string& part) {
        const auto file = npy(dictionary, bytes);
        expect_error(Status::Format, part, [&] { read_npy(file); });
        expect_error(Status::Format, file, [&] { read_npy(file); });
    };
    const std::string eight(8, '\0');
    check("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", eight, "object array (pickle)");
    check("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", eight, "records");
    check("{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}", eight, "type '<f16'");
    check("{'descr': '<U2', 'fortran_order': False, 'shape': (1,)}", eight, "type '<U2'");
    check("{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", eight, "needs 16 bytes, but there are 8");
    check("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4)}", eight, "too large");
    check("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}", eight, "too large");
    check("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", eight, "expected a length");
    check("{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}", eight, "True or False");
    check("{'descr': '<f8', 'shape': (1,)}", eight, "missing");
    check("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'x': 1}", eight, "unknown key 'x'");
    check("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} print(1)", eight, "after the dictionary");
    check("", eight, "expected '{'");
}

TEST_F(NpzTest, TextsOfBothKindsAreRead)
{
    // Made by numpy.savez_compressed with an object array among the rest.
    const auto archive = Npz::open(std::string(PTK_TEST_DATA) + "/data/texts.npz");
    EXPECT_EQ(archive.read_text("unicode"), "{\"a\": \"µm 𝛼\"}");
    EXPECT_EQ(archive.read_text("bytes"), "abc");
    EXPECT_EQ(archive.read_text("one_element"), "x");
    expect_error(Status::Format, "'objects': is an object array (pickle)", [&] { archive.read("objects"); });
    expect_error(Status::Format, "'objects': is an object array (pickle)", [&] { archive.read_text("objects"); });
    expect_error(Status::Format, "expected one text", [&] { archive.read_text("number"); });
    expect_error(Status::NotFound, "did you mean 'number'", [&] { archive.read("numbr"); });
    EXPECT_TRUE(archive.read("booleans").equal(at::tensor({1, 0, 1}, at::kByte)));
    EXPECT_TRUE(archive.read("fortran").equal(at::arange(24, at::kDouble).reshape({2, 3, 4})));
}

TEST_F(NpzTest, WrongFilesAreErrorsWithTheirName)
{
    expect_error(Status::Io, path("none.npz") + ": no such file", [&] { Npz::open(path("none.npz")); });
    expect_error(Status::Io, "is a folder", [&] { Npz::open(folder.string()); });
    testing_data::save(path("empty.npz"), "");
    expect_error(Status::Format, "empty", [&] { Npz::open(path("empty.npz")); });
    testing_data::save(path("text.npz"), "not an archive, but longer than the smallest archive");
    expect_error(Status::Format, "text.npz", [&] { Npz::open(path("text.npz")); });
    expect_error(Status::Io, "no_such_folder", [&] { write_npz(path("no_such_folder/a.npz"), {}); });
}

TEST_F(NpzTest, EveryTruncationIsAnError)
{
    write_npz(path("a.npz"), {{"x", at::arange(20)}, {"y", at::arange(3.0)}});
    const auto whole = base::read_text(path("a.npz"));
    for (std::size_t length = 0; length < whole.size(); ++length) {
        testing_data::save(path("cut.npz"), whole.substr(0, length));
        expect_error(Status::Format, path("cut.npz"), [&] {
            const auto archive = Npz::open(path("cut.npz"));
            for (const auto* name : {"x", "y"})
                archive.read(name);
        });
    }
}

TEST_F(NpzTest, NoFlippedByteCrashesOrIsMissedInTheData)
{
    const auto expected = at::arange(20);
    write_npz(path("a.npz"), {{"x", expected}});
    const auto whole = base::read_text(path("a.npz"));
    int errors = 0;
    for (std::size_t at = 0; at < whole.size(); ++at)
        for (const char mask : {'\x01', '\x80', '\xff'}) {
            auto damaged = whole;
            damaged[at] = static_cast<char>(damaged[at] ^ mask);
            testing_data::save(path("b.npz"), damaged);
            try {
                EXPECT_TRUE(Npz::open(path("b.npz")).read("x").equal(expected)) << "byte " << at;
            } catch (const Error& error) {
                ++errors;
                EXPECT_THAT(error.message(), HasSubstr("b.npz"));
            }
        }
    EXPECT_GT(errors, 160 * 3); // every byte of the numbers is under the checksum
}

TEST_F(NpzTest, GoldenFixturesLoad)
{
    const auto group = golden::load("group_c1.npz");
    EXPECT_FALSE(group.arrays.empty());
    const auto network = golden::load("gen_cnn_ampphase_c1.npz");
    EXPECT_EQ(network.generator, "cnn");
    EXPECT_EQ(network.options.at("N"), 64);
    EXPECT_DOUBLE_EQ(network.tolerance, 5e-5);
    EXPECT_EQ(network.at("in/x").sizes(), (std::vector<std::int64_t>{2, 1, 64, 64}));
}

} // namespace
} // namespace ptk::data
