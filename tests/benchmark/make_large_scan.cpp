// Write a scan with many frames as HDF5 in CXI layout, to measure memory (store_memory.py):
//   make_large_scan large.cxi 100000 [128 [2.5]]
// Frames repeat those of the real scan, 64 x 64 or padded with zeros to the side that is given; positions go line by
// line, as many pixels of 64 x 64 frames apart as is given (7).
#include "data/hdf5_file.h"
#include "data/readers.h"

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv)
{
    using namespace ptk;
    if (argc < 3 || argc > 5) {
        std::fprintf(stderr, "usage: %s FILE FRAMES [SIDE [STEP]]\n", argv[0]);
        return 2;
    }
    try {
        const std::int64_t count = std::atoll(argv[2]);
        const std::int64_t side = argc > 3 ? std::atoll(argv[3]) : 64;
        const double step = argc > 4 ? std::atof(argv[4]) : 7.0;
        config::Config config;
        if (side > 64)
            config.set("data.pad", side);
        Log log;
        const auto scan = data::read_scan(PTK_SOURCE_DIR "/examples/data/siemens64.npz",
                                          config::Settings(config::library_schema(), config), log);
        const auto frames = scan.frames->gather(at::arange(scan.size())).to(at::kShort);
        const auto order = at::arange(count).remainder(scan.size());
        const std::int64_t columns = std::int64_t(std::sqrt(double(count)));
        const double pixel = 56.356e-9;
        auto translation = at::zeros({count, 3}, at::kDouble);
        translation.select(1, 0).copy_(at::arange(count).remainder(columns).to(at::kDouble) * step * pixel);
        translation.select(1, 1).copy_(at::arange(count).div(columns, "floor").to(at::kDouble) * step * pixel);
        auto file = data::Hdf5File::create(argv[1]);
        file.write("entry_1/data_1/data", frames.index_select(0, order));
        file.write("entry_1/data_1/translation", translation);
        file.write("entry_1/instrument_1/source_1/probe", scan.probe);
        file.write("entry_1/instrument_1/source_1/energy", at::scalar_tensor(8.8e3 * 1.602176634e-19, at::kDouble));
        file.write("entry_1/instrument_1/detector_1/distance", at::scalar_tensor(1.92, at::kDouble));
        file.write("entry_1/instrument_1/detector_1/x_pixel_size", at::scalar_tensor(75e-6, at::kDouble));
        file.write("entry_1/instrument_1/detector_1/y_pixel_size", at::scalar_tensor(75e-6, at::kDouble));
        file.close();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
