#pragma once
#include <cstdint>
#include <memory>

namespace ptk::physics {

/// Fourier transforms of single planes (N, N) of complex64, in place and without a factor, run by the calling thread:
/// what is done before and after finds the plane in the cache. By the Fourier transforms of Intel's MKL where LibTorch
/// carries and exports them, which was looked at when the library was configured, by LibTorch's own otherwise. Any N;
/// an object may serve many threads at once.
class PlaneFourier {
public:
    enum class Provider { Mkl, LibTorch };

    /// Whether this build has it.
    static bool has(Provider provider) noexcept;
    /// Made once for each side. @throws Error(OutOfMemory), Error(Internal) when MKL refuses; Error(Unsupported)
    /// without the provider
    static const PlaneFourier& of(std::int64_t side, Provider provider);
    static const PlaneFourier& of(std::int64_t side)
    {
        return of(side, has(Provider::Mkl) ? Provider::Mkl : Provider::LibTorch);
    }

    virtual ~PlaneFourier() = default;
    /// F(k) = sum_r f(r) exp(-2 pi i k r / N) along both axes
    virtual void forward(float* plane) const = 0;
    /// f(r) = sum_k F(k) exp(2 pi i k r / N): N^2 times the inverse
    virtual void backward(float* plane) const = 0;
};

} // namespace ptk::physics
