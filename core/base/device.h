#pragma once
#include <c10/core/Device.h>

#include <string>
#include <vector>

namespace ptk::base {

struct DeviceInfo {
    std::string name;        ///< "cpu", "cuda:0"
    std::string description; ///< processor or card
    long memory_bytes;       ///< 0 when unknown
};

/// "cpu", "cuda", "cuda:1" or "auto" (a CUDA device when there is one, else the CPU). Without a number processes that a
/// launcher started together (rank_of_process()) take one CUDA device after the other.
/// A CUDA name opens LibTorch's CUDA library, which must happen before anything in the process asks LibTorch for CUDA.
/// @throws Error(InvalidArgument) for another name; Error(Device) when the library, the driver or the device is missing
c10::Device open_device(const std::string& name);

/// Devices that open_device() would accept now; the CPU always. Opens the CUDA library when there is one.
std::vector<DeviceInfo> usable_devices();

/// Block until all work queued on the device is done.
void synchronize(c10::Device device);

} // namespace ptk::base
