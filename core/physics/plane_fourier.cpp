#include "physics/plane_fourier.h"

#include "base/error.h"

#include <ATen/ops/_fft_c2c.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>

#include <map>
#include <mutex>
#include <utility>

#ifdef PTK_HAS_MKL_DFTI
// LibTorch's wheels carry the library without its headers: Intel oneMKL, "Fourier Transform Functions".
extern "C" {
long DftiCreateDescriptor_s_md(void** handle, int domain, long dimensions, const long* lengths);
long DftiSetValue(void* handle, int parameter, ...);
long DftiCommitDescriptor(void* handle);
long DftiComputeForward(void* handle, void* data, ...);
long DftiComputeBackward(void* handle, void* data, ...);
long DftiFreeDescriptor(void** handle);
}
#endif

namespace ptk::physics {

namespace {

#ifdef PTK_HAS_MKL_DFTI

constexpr int dfti_complex = 32, dfti_thread_limit = 27;

class MklFourier : public PlaneFourier {
public:
    explicit MklFourier(std::int64_t side)
    {
        const long lengths[] = {static_cast<long>(side), static_cast<long>(side)};
        const bool made = DftiCreateDescriptor_s_md(&handle_, dfti_complex, 2, lengths) == 0 &&
                          DftiSetValue(handle_, dfti_thread_limit, 1L) == 0 && DftiCommitDescriptor(handle_) == 0;
        if (!made)
            free();
        require(made, Status::Internal, "MKL makes no Fourier transform of {} x {}", side, side);
    }
    MklFourier(const MklFourier&) = delete;
    MklFourier& operator=(const MklFourier&) = delete;
    ~MklFourier() override { free(); }

    void forward(float* plane) const override { check(DftiComputeForward(handle_, plane)); }
    void backward(float* plane) const override { check(DftiComputeBackward(handle_, plane)); }

private:
    static void check(long status)
    {
        require(status == 0, Status::Internal, "a Fourier transform of MKL failed with its status {}", status);
    }
    void free()
    {
        if (handle_ != nullptr)
            DftiFreeDescriptor(&handle_);
    }
    void* handle_ = nullptr;
};

#endif

class LibTorchFourier : public PlaneFourier {
public:
    explicit LibTorchFourier(std::int64_t side) : side_(side) {}
    void forward(float* plane) const override { transform(plane, true); }
    void backward(float* plane) const override { transform(plane, false); }

private:
    void transform(float* plane, bool forward) const
    {
        constexpr std::int64_t no_factor = 0;
        const c10::InferenceMode plain;
        const auto values = at::from_blob(plane, {side_, side_}, at::kComplexFloat);
        values.copy_(at::_fft_c2c(values, {0, 1}, no_factor, forward));
    }
    std::int64_t side_;
};

std::unique_ptr<const PlaneFourier> make(std::int64_t side, PlaneFourier::Provider provider)
{
    require(PlaneFourier::has(provider), Status::Unsupported, "this build has no Fourier transforms of MKL");
#ifdef PTK_HAS_MKL_DFTI
    if (provider == PlaneFourier::Provider::Mkl)
        return std::make_unique<MklFourier>(side);
#endif
    return std::make_unique<LibTorchFourier>(side);
}

} // namespace

bool PlaneFourier::has(Provider provider) noexcept
{
#ifdef PTK_HAS_MKL_DFTI
    return provider == Provider::Mkl || provider == Provider::LibTorch;
#else
    return provider == Provider::LibTorch;
#endif
}

const PlaneFourier& PlaneFourier::of(std::int64_t side, Provider provider)
{
    static std::mutex mutex;
    static std::map<std::pair<std::int64_t, Provider>, std::unique_ptr<const PlaneFourier>> made;
    const std::lock_guard lock(mutex);
    auto& found = made[{side, provider}];
    if (!found)
        found = make(side, provider);
    return *found;
}

} // namespace ptk::physics
