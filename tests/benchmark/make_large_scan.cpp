// Write a scan with many frames as HDF5 in CXI layout, to measure the memory of `ptychokit reconstruct`:
//   make_large_scan large.cxi 100000
// Frames repeat those of the real scan; positions go line by line over a large field.
#include "data/hdf5_file.h"
#include "data/readers.h"

#include <ATen/ATen.h>

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv)
{
    using namespace ptk;
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s FILE FRAMES\n", argv[0]);
        return 2;
    }
    try {
        const std::int64_t count = std::atoll(argv[2]);
        Log log;
        const auto scan = data::read_scan(PTK_SOURCE_DIR "/examples/data/siemens64.npz",
                                          config::Settings(config::library_schema(), {}), log);
        const auto frames = scan.frames->gather(at::arange(scan.size())).to(at::kShort);
        const auto order = at::arange(count).remainder(scan.size());
        const std::int64_t columns = std::int64_t(std::sqrt(double(count)));
        const double pixel = 56.356e-9;
        auto translation = at::zeros({count, 3}, at::kDouble);
        translation.select(1, 0).copy_(at::arange(count).remainder(columns).to(at::kDouble) * 7.0 * pixel);
        translation.select(1, 1).copy_(at::arange(count).div(columns, "floor").to(at::kDouble) * 7.0 * pixel);
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
