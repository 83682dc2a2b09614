#include "base/device.h"

#include "base/error.h"
#include "base/ranks.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <unistd.h>

#include <fstream>
#include <mutex>
#include <regex>

namespace ptk::base {

namespace {

struct CudaLibrary {
    bool open = false;
    std::string error;
};

/// LibTorch decides once whether it has CUDA, at the first question: the library has to be there before.
const CudaLibrary& cuda_library()
{
    static const CudaLibrary library = [] {
        CudaLibrary result;
        result.open = ::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) != nullptr;
        if (!result.open) {
            const char* reason = ::dlerror();
            result.error = reason == nullptr ? "unknown reason" : reason;
        }
        return result;
    }();
    return library;
}

int cuda_device_count()
{
    return cuda_library().open && at::globalContext().hasCUDA() ? at::detail::getCUDAHooks().getNumGPUs() : 0;
}

std::string processor_name()
{
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);) {
        if (line.rfind("model name", 0) == 0)
            return line.substr(line.find(':') + 2);
    }
    return "processor";
}

/// The device of this process among those of the machine.
int usual_index()
{
    const auto rank = rank_of_process();
    const int count = cuda_device_count();
    return rank && count > 0 ? rank->local_rank % count : 0;
}

c10::Device open_cuda(const std::string& name, int index)
{
    const auto& library = cuda_library();
    require(library.open, Status::Device,
            "device '{}': LibTorch's CUDA library could not be opened ({}); run 'setup.sh --cuda' or use device 'cpu'",
            name, library.error);
    const int count = cuda_device_count();
    require(count > 0, Status::Device, "device '{}': no NVIDIA driver or no card was found; use device 'cpu'", name);
    require(index < count, Status::Device, "device '{}': this machine has {} CUDA device(s), numbered from 0", name,
            count);
    return {c10::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

} // namespace

c10::Device open_device(const std::string& name)
{
    if (name == "cpu")
        return c10::kCPU;
    if (name == "auto")
        return cuda_device_count() > 0 ? open_cuda(name, usual_index()) : c10::Device(c10::kCPU);
    static const std::regex cuda("cuda(:([0-9]{1,3}))?");
    std::smatch match;
    require(std::regex_match(name, match, cuda), Status::InvalidArgument,
            "device '{}': expected cpu, cuda, cuda:N or auto", name);
    return open_cuda(name, match[2].matched ? std::stoi(match[2]) : usual_index());
}

std::vector<DeviceInfo> usable_devices()
{
    const long pages = ::sysconf(_SC_PHYS_PAGES);
    std::vector<DeviceInfo> devices{{"cpu", processor_name(), pages > 0 ? pages * ::sysconf(_SC_PAGESIZE) : 0}};
    for (int i = 0; i < cuda_device_count(); ++i)
        devices.push_back({"cuda:" + std::to_string(i), "CUDA device", 0});
    return devices;
}

void synchronize(c10::Device device)
{
    if (device.is_cuda())
        at::detail::getCUDAHooks().deviceSynchronize(device.index());
}

} // namespace ptk::base
