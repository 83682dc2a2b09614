// Formats besides NPZ and CXI, files that point to other files, and what is written in every format.
#include "base/atomic_file.h"
#include "core/data/data_testing.h"
#include "data/experiments.h"
#include "data/hdf5_file.h"
#include "data/npy.h"
#include "data/npz.h"
#include "data/readers.h"
#include "data/scan_writer.h"

#include <hdf5.h>

#include <array>

namespace ptk::data {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing_data::expect_error;
using testing_data::settings;

constexpr std::int64_t n = 6, side = 8;

class FormatsTest : public testing_data::ScratchTest {
protected:
    Log log;
    at::Tensor frames = at::arange(n * side * side, at::kInt).reshape({n, side, side});
    at::Tensor x = at::tensor({10.0, 13.0, 16.0, 10.0, 13.0, 16.0}),
               y = at::tensor({20.0, 20.0, 20.0, 24.0, 24.0, 24.0});
    at::Tensor probe = at::complex(at::ones({2, side, side}), at::zeros({2, side, side}));

    Scan read(const std::string& name, const std::string& json = "{}")
    {
        return read_scan(path(name), settings(json), log);
    }
    static at::Tensor all(const Scan& scan) { return scan.frames->gather(at::arange(scan.size())); }

    void write_array(const std::string& name, const at::Tensor& array) const
    {
        const auto held = array.contiguous();
        testing_data::save(path(name), npy_preamble(held) +
                                           std::string(static_cast<const char*>(held.const_data_ptr()), held.nbytes()));
    }
    void diffraction(const std::string& name, const at::Tensor& patterns, const at::Tensor& indexes) const
    {
        auto file = Hdf5File::create(path(name));
        file.write("/patterns", patterns, true);
        file.set_attribute("/patterns", "detector_pixel_width_m", 75e-6);
        file.set_attribute("/patterns", "detector_pixel_height_m", 75e-6);
        file.write("/indexes", indexes);
        auto bad = at::zeros({side, side}, at::kBool);
        bad[1][2] = true;
        file.write_booleans("/bad_pixels", bad);
        file.close();
    }
    /// Object pixels of 10 nm; the object's index (0, 0) lies at (1e-7, -2e-7) m.
    void product(const std::string& name, const at::Tensor& indexes, const at::Tensor& px, const at::Tensor& py) const
    {
        auto file = Hdf5File::create(path(name));
        file.write("/probe_position_indexes", indexes);
        file.write("/probe_position_x_m", px * 1e-8 + 1e-7);
        file.write("/probe_position_y_m", py * 1e-8 - 2e-7);
        file.write("/probe", probe.unsqueeze(0).to(at::kComplexDouble));
        file.write("/object", at::complex(at::ones({1, 50, 40}), at::zeros({1, 50, 40})));
        file.set_attribute("/object", "pixel_width_m", 1e-8);
        file.set_attribute("/object", "pixel_height_m", 1e-8);
        file.set_attribute("/object", "center_x_m", 1e-7 + 20e-8);
        file.set_attribute("/object", "center_y_m", -2e-7 + 25e-8);
        file.set_attribute("/", "probe_energy_eV", 8000.0);
        file.set_attribute("/", "detector_object_distance_m", 2.0);
        file.close();
    }
};

TEST_F(FormatsTest, PlainHdf5ByPaths)
{
    auto file = Hdf5File::create(path("plain.h5"));
    file.write("/run/eiger", frames, true);
    file.write("/run/motors", at::stack({x, y}, 1));
    file.write("/run/sx", x);
    file.write("/run/sy", y);
    file.write("/guess/probe", probe);
    file.close();
    const auto scan = read(
        "plain.h5", R"({"data.frames": "/run/eiger", "data.positions": "/run/motors", "data.probe": "/guess/probe"})");
    EXPECT_TRUE(all(scan).equal(frames.to(at::kFloat)));
    EXPECT_TRUE(scan.positions.equal(at::stack({x, y}, 1)));
    EXPECT_TRUE(scan.probe.equal(probe));
    const auto apart = read(
        "plain.h5", R"({"data.frames": "/run/eiger", "data.positions_x": "/run/sx", "data.positions_y": "/run/sy"})");
    EXPECT_TRUE(apart.positions.equal(scan.positions));
    expect_error(Status::InvalidConfig, "data.positions",
                 [&] { read("plain.h5", R"({"data.frames": "/run/eiger"})"); });
    expect_error(Status::NotFound, "has no dataset '/run/pilatus'",
                 [&] { read("plain.h5", R"({"data.frames": "/run/pilatus", "data.positions": "/run/motors"})"); });
    const auto metres = read(
        "plain.h5",
        R"({"data.frames": "/run/eiger", "data.positions": "/run/motors", "data.position_unit": "metre", "data.energy_ev": 1239.84198, "data.distance_m": 1, "data.detector_pixel_m": 1e-6})");
    EXPECT_NEAR(*metres.geometry.object_pixel_m, 1e-9 / (side * 1e-6), 1e-11); // 1 nm of wavelength
}

TEST_F(FormatsTest, NpyWithItsPositionsInAnotherFile)
{
    write_array("frames.npy", frames);
    write_array("xy.npy", at::stack({x, y}, 1));
    write_npz(path("xy.npz"), {{"xcoords", x}, {"ycoords", y}});
    write_array("probe.npy", probe);
    auto mask = at::zeros({side, side}, at::kByte);
    mask[2][5] = 1;
    write_array("mask.npy", mask);
    testing_data::save(path("xy.txt"), "# stage\n10 20\n13\t20\n16 20 0.5  # z, too\r\n\n 10,24\n13; 24\n+16, 2.4e1\n");
    testing_data::save(path("xy.csv"), "x,y\n10,20\n13,20\n16,20\n10,24\n13,24\n16,24");
    for (const std::string positions : {"xy.npy", "xy.npz", "xy.txt", "xy.csv"}) {
        const auto scan = read("frames.npy", R"({"data.positions": ")" + path(positions) + R"(", "data.probe": ")" +
                                                 path("probe.npy") + R"(", "data.mask": ")" + path("mask.npy") + "\"}");
        EXPECT_TRUE(scan.positions.equal(at::stack({x, y}, 1))) << positions;
        EXPECT_TRUE(scan.probe.equal(probe));
        EXPECT_TRUE(scan.bad_pixels[2][5].item<bool>());
        EXPECT_TRUE(all(scan).equal(frames.masked_fill(scan.bad_pixels, 0).to(at::kFloat)));
    }
    const auto with = [&](const std::string& text) {
        testing_data::save(path("bad.txt"), text);
        return [&] { read("frames.npy", R"({"data.positions": ")" + path("bad.txt") + "\"}"); };
    };
    expect_error(Status::Format, "bad.txt: line 2: expected the position of a frame, two numbers x y, found '3 4 5 6'",
                 with("1 2\n3 4 5 6\n"));
    expect_error(Status::Format, "line 3: expected the position of a frame, two numbers x y, found 'y'",
                 with("x\n1 2\ny\n"));
    expect_error(Status::Format, "line 2", with("1 2\n3 4x\n"));
    expect_error(Status::Format, "there are no positions", with("# nothing\n"));
    expect_error(Status::Shape, "2 positions", with("1 2\n3 4\n"));
    expect_error(Status::Format, "is not finite", with("1 2\nnan 4\n5 6\n7 8\n9 10\n11 12\n"));
    expect_error(Status::Shape, "has shape (6, 8, 8)",
                 [&] { read("frames.npy", R"({"data.positions": ")" + path("frames.npy") + "\"}"); });
    expect_error(Status::Io, "none.txt: no such file",
                 [&] { read("frames.npy", R"({"data.positions": ")" + path("none.txt") + "\"}"); });
}

TEST_F(FormatsTest, PlainHdf5WithPositionsAndProbeInFilesOfTheirOwn)
{
    auto file = Hdf5File::create(path("plain.h5"));
    file.write("/run/eiger", frames, true);
    file.close();
    testing_data::save(path("xy.csv"), "10,20\n13,20\n16,20\n10,24\n13,24\n16,24");
    write_npz(path("probe.npz"), {{"probeGuess", probe}});
    const auto scan = read("plain.h5", R"({"data.frames": "/run/eiger", "data.positions": ")" + path("xy.csv") +
                                           R"(", "data.probe": ")" + path("probe.npz") + "\"}");
    EXPECT_TRUE(scan.positions.equal(at::stack({x, y}, 1)));
    EXPECT_TRUE(scan.probe.equal(probe));
}

TEST_F(FormatsTest, UnitsOfPositions)
{
    write_npz(path("scan.npz"), {{"diff3d", frames}, {"xcoords", x}, {"ycoords", y}});
    for (const auto& [unit, pixel] :
         {std::pair{"metre", "2"}, {"millimetre", "2e-3"}, {"micrometre", "2e-6"}, {"nanometre", "2e-9"}}) {
        const auto scan = read("scan.npz", fmt::format(R"({{"data.position_unit": "{}", "data.pixel_size_m": {}}})",
                                                       unit, unit == std::string("metre") ? "1" : pixel));
        const double steps = unit == std::string("metre") ? 3 : 1.5;
        EXPECT_NEAR((scan.positions[1][0] - scan.positions[0][0]).item<double>(), steps, 1e-9) << unit;
    }
}

TEST_F(FormatsTest, ProbesThatVaryAreTheirMean)
{
    diffraction("diffraction.h5", frames.to(at::kUInt16), at::arange(n));
    const auto parts = at::complex(at::rand({2, 3, side, side}), at::rand({2, 3, side, side}));
    const auto weights = at::rand({n, 2}, at::kDouble);
    const auto mean = weights.mean(0).to(at::kComplexFloat);
    auto expected = parts[0].clone();
    expected[0] = parts[0][0] * mean[0] + parts[1][0] * mean[1];
    enum class Place { Root, Attribute, None };
    for (const auto place : {Place::Root, Place::Attribute, Place::None}) {
        product("product-in.h5", at::arange(n), x, y);
        const auto id = H5Fopen(path("product-in.h5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
        H5Ldelete(id, "/probe", H5P_DEFAULT);
        const std::array<hsize_t, 2> sides{n, 2};
        const auto space = H5Screate_simple(2, sides.data(), nullptr);
        if (place == Place::Root) {
            const auto set =
                H5Dcreate2(id, "/opr_weights", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
            H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, weights.const_data_ptr());
            H5Dclose(set);
        }
        const auto type = H5Tcreate(H5T_COMPOUND, 8);
        H5Tinsert(type, "r", 0, H5T_NATIVE_FLOAT);
        H5Tinsert(type, "i", 4, H5T_NATIVE_FLOAT);
        const std::array<hsize_t, 4> probe_sides{2, 3, side, side};
        const auto probe_space = H5Screate_simple(4, probe_sides.data(), nullptr);
        const auto set = H5Dcreate2(id, "/probe", type, probe_space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, parts.const_data_ptr());
        if (place == Place::Attribute) {
            const auto attribute = H5Acreate2(set, "opr_weights", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT);
            H5Awrite(attribute, H5T_NATIVE_DOUBLE, weights.const_data_ptr());
            H5Aclose(attribute);
        }
        H5Dclose(set);
        for (const auto one : {space, probe_space})
            H5Sclose(one);
        H5Tclose(type);
        H5Fclose(id);
        const auto scan = read("diffraction.h5");
        EXPECT_TRUE(scan.probe.allclose(place == Place::None ? parts[0] : expected, 1e-5, 1e-6));
        EXPECT_THAT(scan.notes,
                    Contains(HasSubstr(place == Place::None ? "without 'opr_weights'" : "its mean by 'opr_weights'")));
    }
}

TEST_F(FormatsTest, FiltersThatAreNotThereAreNamed)
{
    const auto id = H5Fcreate(path("filtered.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const std::array<hsize_t, 3> sides{n, side, side}, chunk{1, side, side};
    const auto space = H5Screate_simple(3, sides.data(), nullptr);
    for (const auto& [name, filter] :
         {std::pair{"/bitshuffle", 32008}, {"/lz4", 32004}, {"/blosc", 32001}, {"/odd", 777}}) {
        const auto plist = H5Pcreate(H5P_DATASET_CREATE);
        H5Pset_chunk(plist, 3, chunk.data());
        EXPECT_GE(H5Pset_filter(plist, filter, H5Z_FLAG_OPTIONAL, 0, nullptr), 0);
        const auto set = H5Dcreate2(id, name, H5T_NATIVE_UINT16, space, H5P_DEFAULT, plist, H5P_DEFAULT);
        ASSERT_GE(set, 0);
        const std::vector<std::uint16_t> bytes(side * side);
        for (hsize_t i = 0; i < n; ++i)
            H5Dwrite_chunk(set, H5P_DEFAULT, 0, std::array<hsize_t, 3>{i, 0, 0}.data(), bytes.size() * 2, bytes.data());
        H5Dclose(set);
        H5Pclose(plist);
    }
    H5Sclose(space);
    H5Fclose(id);
    testing_data::save(path("xy.csv"), "10,20\n13,20\n16,20\n10,24\n13,24\n16,24");
    for (const auto& [name, shown] : {std::pair<std::string, std::string>{"/bitshuffle", "filter 32008 (bitshuffle)"},
                                      {"/lz4", "filter 32004 (LZ4)"},
                                      {"/blosc", "filter 32001 (Blosc)"},
                                      {"/odd", "filter 777 (without a name)"}})
        expect_error(Status::Format,
                     "'" + name + "': is compressed with " + shown + ", which is not installed; set HDF5_PLUGIN_PATH",
                     [&] {
                         read("filtered.h5",
                              R"({"data.frames": ")" + name + R"(", "data.positions": ")" + path("xy.csv") + "\"}");
                     });
}

TEST_F(FormatsTest, PtychodusFilesBelongTogether)
{
    diffraction("diffraction.h5", frames.to(at::kUInt16), at::arange(n));
    product("product-in.h5", at::arange(n), x, y);
    for (const auto& name : {std::string("diffraction.h5"), std::string(".")}) {
        const auto scan = read(name);
        EXPECT_EQ(scan.measurement, Measurement::Counts);
        EXPECT_LT((scan.positions - at::stack({x, y}, 1)).abs().max().item<double>(), 1e-9) << "the object's frame";
        EXPECT_EQ(scan.object.sizes(), (std::vector<std::int64_t>{50, 40}));
        EXPECT_TRUE(scan.probe.equal(probe));
        EXPECT_TRUE(scan.bad_pixels[1][2].item<bool>());
        EXPECT_NEAR(*scan.geometry.energy_j, 8000 * 1.602176634e-19, 1e-30);
        EXPECT_EQ(*scan.geometry.object_pixel_m, 1e-8);
    }
    expect_error(Status::NotFound, "is a product of ptychodus and holds no frames", [&] { read("product-in.h5"); });
    std::filesystem::rename(path("product-in.h5"), path("other.h5"));
    expect_error(Status::NotFound, "give data.product", [&] { read("diffraction.h5"); });
    EXPECT_EQ(read("diffraction.h5", R"({"data.product": ")" + path("other.h5") + "\"}").size(), n);
}

TEST_F(FormatsTest, FramesAndPositionsMatchByIndex)
{
    // Frames 10 ... 15; positions of 11 (twice), 13, 15 and of one that is no frame.
    diffraction("diffraction.h5", frames, at::arange(10, 10 + n));
    product("product.h5", at::tensor(std::vector<std::int64_t>{13, 99, 11, 15, 11}),
            at::tensor({30.0, 0.0, 10.0, 20.0, 14.0}), at::tensor({5.0, 0.0, 7.0, 9.0, 8.0}));
    for (const std::string json : {"{}", R"({"data.memory_mib": 1})"}) {
        const auto scan = read("diffraction.h5", json);
        ASSERT_EQ(scan.size(), 3);
        EXPECT_TRUE(all(scan)[0]
                        .masked_fill(scan.bad_pixels, 0)
                        .equal(frames[1].to(at::kFloat).masked_fill(scan.bad_pixels, 0)));
        EXPECT_TRUE(all(scan)[1]
                        .masked_fill(scan.bad_pixels, 0)
                        .equal(frames[3].to(at::kFloat).masked_fill(scan.bad_pixels, 0)));
        const auto expected = at::tensor({12.0, 7.5, 30.0, 5.0, 20.0, 9.0}).reshape({3, 2});
        EXPECT_LT((scan.positions - expected).abs().max().item<double>(), 1e-9);
        EXPECT_THAT(scan.notes, Contains(HasSubstr("3 of 6 frames have no position")));
        EXPECT_THAT(scan.notes, Contains(HasSubstr("1 positions share their index")));
    }
    product("product.h5", at::zeros({n}, at::kLong), x, y);
    expect_error(Status::Shape, "none of the 6 frame indexes", [&] { read("diffraction.h5"); });
    diffraction("diffraction.h5", frames, at::arange(n));
    const auto repaired = read("diffraction.h5");
    EXPECT_EQ(repaired.size(), n);
    EXPECT_THAT(repaired.notes, Contains(HasSubstr("they are taken as 0, 1, 2")));
}

TEST_F(FormatsTest, PtydOfPtyPy)
{
    auto file = Hdf5File::create(path("scan.ptyd"));
    file.write("/meta/energy", at::full({}, 8.0, at::kDouble));
    file.write("/meta/distance", at::full({}, 2.0, at::kDouble));
    file.write("/meta/psize", at::full({2}, 75e-6, at::kDouble));
    const auto rows_columns = at::stack({y, x}, 1) * 1e-7;
    auto weights = at::ones({2, side, side});
    weights.select(1, 3).select(1, 4).fill_(0);
    weights[0][5][5] = 0; // in one frame only
    for (std::int64_t chunk = 0; chunk < 3; ++chunk) {
        const auto group = "/chunks/" + std::to_string(chunk == 2 ? 10 : chunk);
        file.write(group + "/data", frames.slice(0, 2 * chunk, 2 * chunk + 2));
        file.write(group + "/positions", rows_columns.slice(0, 2 * chunk, 2 * chunk + 2));
        file.write(group + "/weights", weights);
    }
    file.close();
    const auto scan = read("scan.ptyd");
    EXPECT_EQ(scan.size(), n);
    ASSERT_TRUE(scan.bad_pixels.defined());
    EXPECT_EQ(scan.bad_pixels.sum().item<std::int64_t>(), 1);
    EXPECT_TRUE(scan.bad_pixels[3][4].item<bool>());
    EXPECT_TRUE(all(scan).equal(frames.to(at::kFloat).masked_fill(scan.bad_pixels, 0)));
    const double pixel = 1.239841984e-6 / 8000 * 2 / (side * 75e-6);
    EXPECT_NEAR(*scan.geometry.object_pixel_m, pixel, 1e-6 * pixel);
    const auto moved = scan.positions - scan.positions[0];
    EXPECT_LT((moved - (at::stack({x, y}, 1) - at::tensor({x[0].item<double>(), y[0].item<double>()})) * 1e-7 / pixel)
                  .abs()
                  .max()
                  .item<double>(),
              1e-3);
}

TEST_F(FormatsTest, PtydOfTheNearField)
{
    const auto write = [&](const std::string& how, double distance) {
        auto file = Hdf5File::create(path("near.ptyd"));
        file.write("/meta/energy", at::full({}, 8.0, at::kDouble));
        file.write("/meta/distance", at::full({}, distance, at::kDouble));
        file.write("/meta/psize", at::full({}, 1e-6, at::kDouble));
        file.write_string("/meta/propagation", how);
        file.write("/chunks/0/data", frames);
        file.write("/chunks/0/positions", at::stack({y, x}, 1) * 1e-6);
        file.close();
    };
    write("nearfield", 0.05);
    const auto scan = read("near.ptyd");
    EXPECT_EQ(scan.propagation.kind, Propagation::Kind::AngularSpectrum);
    EXPECT_EQ(scan.propagation.pixel_m, 1e-6);
    EXPECT_NEAR(scan.propagation.wavelength_m, 1.5498e-10, 1e-14);
    EXPECT_LT((scan.positions - scan.positions[0] - at::stack({x, y}, 1) + at::stack({x[0], y[0]}))
                  .abs()
                  .max()
                  .item<double>(),
              1e-6);
    write("farfield", 2);
    EXPECT_FALSE(read("near.ptyd").propagation.near_field());
    write("nearfield", 0);
    expect_error(Status::Format, "'/meta/propagation' is nearfield: expected a pixel", [&] { read("near.ptyd"); });
}

/// A file with raw HDF5 calls, for what Hdf5File does not write.
class RawFile {
public:
    explicit RawFile(const std::string& path) : id(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) {}
    ~RawFile() { H5Fclose(id); }
    RawFile(const RawFile&) = delete;
    RawFile& operator=(const RawFile&) = delete;
    void external(const std::string& file, const std::string& target, const std::string& name) const
    {
        const auto groups = H5Pcreate(H5P_LINK_CREATE);
        H5Pset_create_intermediate_group(groups, 1);
        EXPECT_GE(H5Lcreate_external(file.c_str(), target.c_str(), id, name.c_str(), groups, H5P_DEFAULT), 0);
        H5Pclose(groups);
    }
    const hid_t id;
};

TEST_F(FormatsTest, ExternalLinksAreFollowed)
{
    auto big = Hdf5File::create(path("raw.h5"));
    big.write("/frames", frames, true);
    big.write("/xy", at::stack({x, y}, 1));
    big.close();
    {
        const RawFile master(path("master.h5"));
        master.external("raw.h5", "/frames", "/entry/data");
        master.external("raw.h5", "/xy", "/entry/xy");
        master.external("gone.h5", "/frames", "/entry/lost");
        master.external("master.h5", "/entry/loop", "/entry/loop");
    }
    const std::string rest = R"(, "data.positions": "/entry/xy"})";
    EXPECT_TRUE(all(read("master.h5", R"({"data.frames": "/entry/data")" + rest)).equal(frames.to(at::kFloat)));
    expect_error(Status::NotFound, "is an external link to 'gone.h5', '/frames', which cannot be opened",
                 [&] { read("master.h5", R"({"data.frames": "/entry/lost")" + rest); });
    expect_error(Status::NotFound, "/entry/loop",
                 [&] { read("master.h5", R"({"data.frames": "/entry/loop")" + rest); });
}

/// Frames of two files as one virtual dataset, of @p claimed frames.
void virtual_dataset(const std::string& path, const std::vector<std::string>& parts, std::int64_t each, hsize_t claimed)
{
    const RawFile file(path);
    const std::array<hsize_t, 3> whole{claimed, side, side}, part{static_cast<hsize_t>(each), side, side};
    const auto space = H5Screate_simple(3, whole.data(), nullptr), source = H5Screate_simple(3, part.data(), nullptr),
               plist = H5Pcreate(H5P_DATASET_CREATE);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const std::array<hsize_t, 3> start{i * static_cast<hsize_t>(each), 0, 0};
        H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, part.data(), nullptr);
        EXPECT_GE(H5Pset_virtual(plist, space, parts[i].c_str(), "/frames", source), 0);
    }
    const auto dataset = H5Dcreate2(file.id, "/frames", H5T_NATIVE_INT32, space, H5P_DEFAULT, plist, H5P_DEFAULT);
    EXPECT_GE(dataset, 0);
    H5Dclose(dataset);
    const auto positions = H5Screate_simple(2, std::array<hsize_t, 2>{n, 2}.data(), nullptr);
    const auto xy = H5Dcreate2(file.id, "/xy", H5T_NATIVE_DOUBLE, positions, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    const std::vector<double> values{10, 20, 13, 20, 16, 20, 10, 24, 13, 24, 16, 24};
    H5Dwrite(xy, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    for (const auto id : {positions, space, source})
        H5Sclose(id);
    H5Pclose(plist);
    H5Dclose(xy);
}

TEST_F(FormatsTest, VirtualDatasetsAreRead)
{
    for (int i = 0; i < 2; ++i) {
        auto part = Hdf5File::create(path("part" + std::to_string(i) + ".h5"));
        part.write("/frames", frames.slice(0, 3 * i, 3 * i + 3), true);
        part.close();
    }
    const std::string json = R"({"data.frames": "/frames", "data.positions": "/xy"})";
    virtual_dataset(path("all.h5"), {"part0.h5", "part1.h5"}, 3, n);
    EXPECT_TRUE(all(read("all.h5", json)).equal(frames.to(at::kFloat)));
    virtual_dataset(path("lost.h5"), {"part0.h5", "part7.h5"}, 3, n);
    expect_error(Status::NotFound, "part7.h5' cannot be read", [&] { read("lost.h5", json); });
    virtual_dataset(path("huge.h5"), {"part0.h5", "part1.h5"}, 3, hsize_t{1} << 25);
    expect_error(Status::Format, "but the file stores", [&] {
        read("huge.h5", R"({"data.frames": "/frames", "data.positions": "/xy", "data.memory_mib": 1000000})");
    });
}

TEST_F(FormatsTest, FolderOfNpzFilesIsOneSet)
{
    for (const std::string name : {"b.npz", "a.npz"})
        write_npz(
            path(name),
            {{"diff3d", name == "a.npz" ? frames : frames + 1}, {"xcoords", x}, {"ycoords", y}, {"probeGuess", probe}});
    const auto scan = read(".");
    ASSERT_EQ(scan.size(), 2 * n);
    EXPECT_TRUE(all(scan).slice(0, 0, n).equal(frames.to(at::kFloat))) << "in the order of their names";
    EXPECT_TRUE(all(scan).slice(0, n).equal(frames.to(at::kFloat) + 1));
    EXPECT_TRUE(scan.positions.slice(0, 0, n).equal(at::stack({x, y}, 1)));
    const auto gap = scan.positions.slice(0, n).select(1, 0).min() - x.max();
    EXPECT_GE(gap.item<double>(), 2.0 * side) << "patches of two experiments do not overlap";
    EXPECT_TRUE(scan.positions.slice(0, n).select(1, 1).equal(y));
    EXPECT_EQ(scan.experiments.size(), 2U);
    const auto named = read("a.npz", R"({"data.more": ")" + path("b.npz") + "\"}");
    EXPECT_TRUE(named.positions.equal(scan.positions));
    EXPECT_TRUE(all(named).equal(all(scan)));
    write_npz(path("c.npz"),
              {{"diff3d", at::ones({3, 4, 4})}, {"xcoords", x.slice(0, 0, 3)}, {"ycoords", y.slice(0, 0, 3)}});
    expect_error(Status::Shape, "c.npz: frames of shape (3, 4, 4)", [&] { read("."); });
    std::filesystem::create_directory(path("empty"));
    expect_error(Status::NotFound, "a folder without 'diffraction.h5'", [&] { read("empty"); });
}

Scan whole_scan(const at::Tensor& frames, const at::Tensor& x, const at::Tensor& y)
{
    Scan scan;
    scan.source = "test";
    scan.frames = frames_in_memory(frames);
    scan.positions = at::stack({x, y}, 1);
    const auto parts = at::rand({2, 2, side, side});
    scan.probe = at::complex(parts[0], parts[1]);
    const auto object = at::rand({2, 40, 30});
    scan.object = at::complex(object[0], object[1]);
    scan.bad_pixels = at::zeros({side, side}, at::kBool);
    scan.bad_pixels[2][3] = true;
    scan.geometry.energy_j = 1.4e-15;
    scan.geometry.distance_m = 2;
    scan.geometry.detector_pixel_m = 75e-6;
    scan.geometry.object_pixel_m = 2e-8;
    return scan;
}

TEST_F(FormatsTest, EveryPairOfWritableFormatsKeepsTheScan)
{
    auto scan = whole_scan(frames, x, y);
    const auto stored = frames.masked_fill(scan.bad_pixels, 0);
    scan.frames = frames_in_memory(stored);
    const std::vector<std::string> formats{"npz", "cxi", "ptychodus"};
    for (const auto& first : formats)
        for (const auto& second : formats) {
            const auto a = path("a_" + first + "_" + second), b = path("b_" + first + "_" + second);
            write_scan(scan, a, scan_format(first, a));
            write_scan(read_scan(a, settings(), log), b, scan_format(second, b));
            const auto back = read_scan(b, settings(), log);
            const auto what = first + " then " + second;
            EXPECT_TRUE(all(back).equal(stored.to(at::kFloat))) << what;
            EXPECT_LT((back.positions - scan.positions).abs().max().item<double>(), 1e-6) << what;
            EXPECT_TRUE(back.probe.equal(scan.probe)) << what;
            EXPECT_TRUE(back.object.defined() && back.object.equal(scan.object)) << what;
            EXPECT_TRUE(back.bad_pixels.defined() && back.bad_pixels.equal(scan.bad_pixels)) << what;
            EXPECT_EQ(back.measurement, Measurement::Counts) << what;
            EXPECT_NEAR(*back.geometry.energy_j, 1.4e-15, 1e-27) << what;
            EXPECT_NEAR(*back.geometry.object_pixel_m, 2e-8, 1e-18) << what;
        }
}

TEST_F(FormatsTest, TheNearFieldIsKeptThroughEveryPair)
{
    auto scan = whole_scan(frames, x, y);
    scan.bad_pixels = at::Tensor();
    scan.geometry.object_pixel_m = 1e-6;
    const std::vector<std::string> formats{"npz", "cxi", "ptychodus"};
    for (const auto kind : {Propagation::Kind::Fresnel, Propagation::Kind::AngularSpectrum}) {
        scan.propagation = {kind, 1e-6, 1.4e-10, -0.05};
        for (const auto& first : formats)
            for (const auto& second : formats) {
                const auto what = std::string(propagator_name(kind)) + "_" + first + "_" + second;
                const auto a = path("a_" + what), b = path("b_" + what);
                write_scan(scan, a, scan_format(first, a));
                write_scan(read_scan(a, settings(), log), b, scan_format(second, b));
                const auto back = read_scan(b, settings(), log);
                EXPECT_EQ(back.propagation.kind, kind) << what;
                EXPECT_EQ(back.propagation.pixel_m, 1e-6) << what;
                EXPECT_EQ(back.propagation.wavelength_m, 1.4e-10) << what;
                EXPECT_EQ(back.propagation.distance_m, -0.05) << what;
                EXPECT_LT((back.positions - scan.positions).abs().max().item<double>(), 1e-6) << what;
            }
    }
    const auto file = Hdf5File::open(path("a_fresnel_ptychodus_npz/diffraction.h5"));
    EXPECT_EQ(file.attribute("/patterns", "propagator"), "fresnel");
    const auto id = H5Fopen(path("a_fresnel_cxi_npz").c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    H5Adelete_by_name(id, "/entry_1/data_1/data", "propagation_distance_m", H5P_DEFAULT);
    H5Fclose(id);
    expect_error(
        Status::Format,
        "propagator: expected a pixel and a wavelength above zero and a distance, found 1e-06, 1.4e-10 and 0 m",
        [&] { read("a_fresnel_cxi_npz"); });
}

TEST_F(FormatsTest, SeveralExperimentsAreAFolder)
{
    auto one = whole_scan(frames, x, y), two = whole_scan(frames + 1, x + 2.25, y * 2);
    one.bad_pixels = two.bad_pixels = at::Tensor();
    const auto both = join_scans({one, two}, "both", log);
    EXPECT_FALSE(both.object.defined());
    write_scan(both, path("set"), scan_format("auto", path("set")));
    EXPECT_TRUE(std::filesystem::exists(path("set/experiment_1.npz")) &&
                std::filesystem::exists(path("set/experiment_2.npz")));
    const auto second = read("set/experiment_2.npz");
    EXPECT_TRUE(second.positions.equal(two.positions)) << "at its own place";
    EXPECT_TRUE(second.object.equal(two.object));
    EXPECT_TRUE(second.probe.equal(two.probe));
    EXPECT_TRUE(all(second).equal(all(two)));
    const auto again = read("set");
    EXPECT_TRUE(again.positions.equal(both.positions));
    EXPECT_TRUE(all(again).equal(all(both)));
    for (std::size_t i = 0; i < 2; ++i)
        EXPECT_EQ(again.experiments[i].mark, both.experiments[i].mark);
    write_scan(again, path("copy"), ScanFormat::Folder);
    EXPECT_EQ(base::read_text(path("set/experiment_2.npz")), base::read_text(path("copy/experiment_2.npz")));
    for (const auto format : {ScanFormat::Npz, ScanFormat::Cxi, ScanFormat::Ptychodus})
        expect_error(Status::InvalidConfig, "take them one by one", [&] { write_scan(both, path("x"), format); });
    expect_error(Status::Exists, "is there already", [&] { write_scan(both, path("set"), ScanFormat::Folder); });
}

TEST_F(FormatsTest, MeasurementsAndFractionsAreKept)
{
    for (const auto measurement : {Measurement::Counts, Measurement::Intensity, Measurement::Amplitude})
        for (const std::string format : {"npz", "cxi", "ptychodus"}) {
            auto scan = whole_scan(frames.to(at::kFloat) * 0.25F, x, y);
            scan.bad_pixels = at::Tensor();
            scan.measurement = measurement;
            const auto name = std::string(measurement_name(measurement)) + "_" + format;
            write_scan(scan, path(name), scan_format(format, path(name)));
            const auto back = read(name);
            EXPECT_EQ(back.measurement, measurement) << name;
            EXPECT_TRUE(all(back).equal(all(scan))) << name;
            EXPECT_FALSE(back.bad_pixels.defined()) << name;
        }
}

TEST_F(FormatsTest, WritingFailsWithoutATrace)
{
    auto scan = whole_scan(frames, x, y);
    const auto files = [&] {
        return std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
    };
    expect_error(Status::InvalidArgument, "the format of '.tiff' is not known", [&] { scan_format("auto", "a.tiff"); });
    expect_error(Status::InvalidArgument, "'ptyd' is none of", [&] { scan_format("ptyd", "a"); });
    auto unknown = scan;
    unknown.geometry.object_pixel_m = std::nullopt;
    for (const auto format : {ScanFormat::Cxi, ScanFormat::Ptychodus})
        expect_error(Status::InvalidArgument, "the object pixel is not known",
                     [&] { write_scan(unknown, path("x"), format); });
    auto dark = scan;
    dark.probe = at::Tensor();
    expect_error(Status::InvalidArgument, "needs a probe", [&] { write_scan(dark, path("x"), ScanFormat::Ptychodus); });
    EXPECT_EQ(files(), 0);
    std::filesystem::create_directory(path("taken"));
    expect_error(Status::Exists, "is there already", [&] { write_scan(scan, path("taken"), ScanFormat::Ptychodus); });
    for (const auto format : {ScanFormat::Npz, ScanFormat::Cxi, ScanFormat::Ptychodus})
        EXPECT_THROW(write_scan(scan, path("nowhere/x"), format), Error);
    EXPECT_EQ(files(), 1);
}

} // namespace
} // namespace ptk::data
