// Every reader against damaged files: a scan or an Error that names the file, never anything else, and no memory taken
// on a file's word.
#include "base/atomic_file.h"
#include "core/data/data_testing.h"
#include "data/hdf5_file.h"
#include "data/npz.h"
#include "data/readers.h"
#include "data/scan_writer.h"

#include <hdf5.h>
#include <sys/resource.h>

#include <array>
#include <random>

namespace ptk::data {
namespace {

using testing_data::save;
using testing_data::settings;

constexpr std::int64_t n = 5, side = 8;

struct Format {
    std::string name;
    std::string file;    ///< the one that is damaged, in the test's folder
    std::string options; ///< of the reader
};

void PrintTo(const Format& format, std::ostream* out)
{
    *out << format.name;
}

Scan sample()
{
    Scan scan;
    scan.source = "sample";
    scan.frames = frames_in_memory(at::arange(n * side * side, at::kInt).reshape({n, side, side}));
    scan.positions =
        at::stack({at::arange(n, at::kDouble) * 3 + 10, at::arange(n, at::kDouble).remainder(2) * 3 + 10}, 1);
    scan.probe = at::complex(at::ones({1, side, side}), at::zeros({1, side, side}));
    scan.object = at::complex(at::ones({40, 40}), at::zeros({40, 40}));
    scan.propagation = {Propagation::Kind::Fresnel, 2e-8, 1.4e-10, 0.01};
    scan.bad_pixels = at::zeros({side, side}, at::kBool);
    scan.bad_pixels[1][1] = true;
    scan.geometry = {.energy_j = 1.4e-15, .distance_m = 2, .detector_pixel_m = 75e-6, .object_pixel_m = 2e-8};
    return scan;
}

void write_ptyd(const std::string& path)
{
    auto file = Hdf5File::create(path);
    file.write("/meta/energy", at::full({}, 8.0, at::kDouble));
    file.write("/meta/distance", at::full({}, 2.0, at::kDouble));
    file.write("/meta/psize", at::full({}, 75e-6, at::kDouble));
    file.write("/chunks/0/data", at::ones({n, side, side}, at::kInt), true);
    file.write("/chunks/0/positions", sample().positions * 1e-8);
    file.write("/chunks/0/weights", at::ones({side, side}));
    file.close();
}

void write_plain(const std::string& path)
{
    auto file = Hdf5File::create(path);
    file.write("/entry/data", at::ones({n, side, side}, at::kInt), true);
    file.write("/entry/xy", sample().positions);
    file.write("/entry/probe", sample().probe);
    file.close();
}

/// What a reader may say of a file that is not right. Anything else is a bug of the reader: Internal, OutOfMemory,
/// InvalidArgument, State ...
bool expected(Status status)
{
    return status == Status::Io || status == Status::Format || status == Status::Shape || status == Status::NotFound ||
           status == Status::Unsupported || status == Status::InvalidConfig;
}

std::int64_t peak_mib()
{
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
}

class Damage : public testing_data::ScratchTest, public testing::WithParamInterface<Format> {
protected:
    Log log;
    std::int64_t peak_before = 0;

    void SetUp() override
    {
        ScratchTest::SetUp();
        write_scan(sample(), path("scan.npz"), ScanFormat::Npz);
        write_scan(sample(), path("scan.cxi"), ScanFormat::Cxi);
        write_scan(sample(), path("ptychodus"), ScanFormat::Ptychodus);
        write_ptyd(path("scan.ptyd"));
        write_plain(path("plain.h5"));
        std::filesystem::create_directory(path("set"));
        for (const char* name : {"set/a.npz", "set/b.npz"})
            std::filesystem::copy_file(path("scan.npz"), path(name));
        peak_before = peak_mib();
    }
    void TearDown() override
    {
        EXPECT_LT(peak_mib() - peak_before, 512) << "memory taken on a damaged file's word";
        ScratchTest::TearDown();
    }

    /// Opens what the damaged file belongs to. @return false when it was refused, as it may be
    bool read(const std::string& what)
    {
        const auto& name = GetParam().name;
        const auto target = name.starts_with("ptychodus") ? path("ptychodus")
                            : name == "folder"            ? path("set")
                                                          : path(GetParam().file);
        bool good = true;
        for (const bool describe : {false, true}) {
            try {
                if (describe)
                    describe_file(path(GetParam().file), settings(GetParam().options), log);
                else
                    read_scan(target, settings(GetParam().options), log);
            } catch (const Error& error) {
                good = false;
                EXPECT_TRUE(expected(error.status()))
                    << what << ": status " << static_cast<int>(error.status()) << ", " << error.message();
                EXPECT_NE(error.message().find(folder.filename().string()), std::string::npos)
                    << what << ": names no file: " << error.message();
            } catch (const std::exception& error) {
                good = false;
                ADD_FAILURE() << what << ": " << error.what();
            }
        }
        return good;
    }
};

TEST_P(Damage, WholeFileIsRead)
{
    EXPECT_TRUE(read("whole"));
}

TEST_P(Damage, CutFilesAreRefused)
{
    const auto file = path(GetParam().file);
    const auto whole = base::read_text(file);
    for (int i = 0; i < 60; ++i) {
        const auto length = whole.size() * static_cast<std::size_t>(i) / 60;
        save(file, whole.substr(0, length));
        EXPECT_FALSE(read("cut at " + std::to_string(length))) << "a file cut at " << length << " of " << whole.size();
    }
}

TEST_P(Damage, FlippedBytesNeverCrash)
{
    const auto file = path(GetParam().file);
    const auto whole = base::read_text(file);
    std::mt19937_64 random(1);
    for (int i = 0; i < 300; ++i) {
        auto damaged = whole;
        // Headers and links lie all over an HDF5 file and at both ends of an archive; small files are hit densely.
        const auto at = random() % whole.size();
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
        if (i % 3 == 0)
            damaged[at] = static_cast<char>(0xff);
        save(file, damaged);
        read("byte " + std::to_string(at));
    }
}

TEST_P(Damage, ForeignFilesAreRefused)
{
    const auto file = path(GetParam().file);
    for (const auto& content :
         {std::string(), std::string("PK"), std::string("PK\3\4 and no more"), std::string("\x89HDF\r\n\x1a\n"),
          std::string(100000, '\0'), std::string("\x93NUMPY\x01\x00", 8)}) {
        save(file, content);
        EXPECT_FALSE(read("content of " + std::to_string(content.size()) + " bytes"));
    }
}

INSTANTIATE_TEST_SUITE_P(
    Readers, Damage,
    testing::Values(
        Format{"npz", "scan.npz", "{}"}, Format{"folder", "set/b.npz", "{}"}, Format{"cxi", "scan.cxi", "{}"},
        Format{"cxi_on_disk", "scan.cxi", R"({"data.memory_mib": 1})"},
        Format{"ptychodus_diffraction", "ptychodus/diffraction.h5", "{}"},
        Format{"ptychodus_product", "ptychodus/product-in.h5", "{}"}, Format{"ptyd", "scan.ptyd", "{}"},
        Format{"plain", "plain.h5",
               R"({"data.frames": "/entry/data", "data.positions": "/entry/xy", "data.probe": "/entry/probe"})"}),
    [](const auto& info) { return info.param.name; });

// ---- files that are whole and wrong ----

/// A chunked dataset of any size that was never written.
void huge(const std::string& path, const std::string& name, const std::vector<hsize_t>& shape)
{
    const auto file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    H5Ldelete(file, name.c_str(), H5P_DEFAULT);
    const auto space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr),
               plist = H5Pcreate(H5P_DATASET_CREATE), groups = H5Pcreate(H5P_LINK_CREATE);
    const std::vector<hsize_t> chunk(shape.size(), 1);
    H5Pset_chunk(plist, static_cast<int>(chunk.size()), chunk.data());
    H5Pset_create_intermediate_group(groups, 1);
    const auto dataset = H5Dcreate2(file, name.c_str(), H5T_NATIVE_UINT16, space, groups, plist, H5P_DEFAULT);
    EXPECT_GE(dataset, 0);
    H5Dclose(dataset);
    H5Pclose(groups);
    H5Pclose(plist);
    H5Sclose(space);
    H5Fclose(file);
}

/// A dataset of texts in its place.
void texts(const std::string& path, const std::string& name)
{
    const auto file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    H5Ldelete(file, name.c_str(), H5P_DEFAULT);
    const auto type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, 4);
    const hsize_t length = n;
    const auto space = H5Screate_simple(1, &length, nullptr);
    const auto dataset = H5Dcreate2(file, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dclose(dataset);
    H5Sclose(space);
    H5Tclose(type);
    H5Fclose(file);
}

/// Two soft links that lead to each other.
void loop(const std::string& path, const std::string& name)
{
    const auto file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    H5Ldelete(file, name.c_str(), H5P_DEFAULT);
    H5Lcreate_soft((name + "_2").c_str(), file, name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft(name.c_str(), file, (name + "_2").c_str(), H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
}

/// The group of a dataset that holds itself, and a group in the place of the dataset.
void cycle(const std::string& path, const std::string& name)
{
    const auto file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    H5Ldelete(file, name.c_str(), H5P_DEFAULT);
    H5Lcreate_hard(file, "/", file, name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
}

/// The datasets that a reader cannot do without.
std::vector<std::string> vital(const Format& format)
{
    if (format.name.starts_with("cxi"))
        return {"/entry_1/instrument_1/detector_1/data", "/entry_1/sample_1/geometry_1/translation"};
    if (format.name == "ptychodus_diffraction")
        return {"/patterns", "/indexes"};
    if (format.name == "ptychodus_product")
        return {"/probe_position_x_m", "/probe_position_indexes"};
    return format.name == "ptyd" ? std::vector<std::string>{"/chunks/0/data", "/chunks/0/positions"}
                                 : std::vector<std::string>{"/entry/data", "/entry/xy"};
}

class Hdf5Damage : public Damage {};

TEST_P(Hdf5Damage, WholeFilesThatAreWrongAreRefused)
{
    const auto file = path(GetParam().file);
    const auto whole = base::read_text(file);
    const std::vector<std::vector<hsize_t>> shapes{{hsize_t{1} << 40, side, side},
                                                   {n, hsize_t{1} << 31, hsize_t{1} << 31},
                                                   {hsize_t{1} << 62},
                                                   {0, side, side},
                                                   {0},
                                                   {n, 1, 1},
                                                   {1, 1, 1, 1, 1, 1}};
    for (const auto& name : vital(GetParam())) {
        // Indexes that are not there count as 0, 1, 2 ...; a group in their place is as if they were not.
        const bool optional = name.find("indexes") != std::string::npos;
        for (const auto& shape : shapes) {
            save(file, whole);
            huge(file, name, shape);
            EXPECT_FALSE(
                read(name + " of " + std::to_string(shape.size()) + " axes, the first " + std::to_string(shape[0])));
        }
        save(file, whole);
        texts(file, name);
        EXPECT_FALSE(read(name + " of texts"));
        save(file, whole);
        loop(file, name);
        EXPECT_EQ(read(name + " in a loop of links"), optional);
        save(file, whole);
        cycle(file, name);
        EXPECT_EQ(read(name + " is the root group"), optional);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Readers, Hdf5Damage,
    testing::Values(
        Format{"cxi", "scan.cxi", "{}"}, Format{"ptychodus_diffraction", "ptychodus/diffraction.h5", "{}"},
        Format{"ptychodus_product", "ptychodus/product-in.h5", "{}"}, Format{"ptyd", "scan.ptyd", "{}"},
        Format{"plain", "plain.h5",
               R"({"data.frames": "/entry/data", "data.positions": "/entry/xy", "data.probe": "/entry/probe"})"}),
    [](const auto& info) { return info.param.name; });

} // namespace
} // namespace ptk::data
