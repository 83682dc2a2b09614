#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>

namespace ptk::training {

/// A probe that is trained along: real parameters of unit root mean square. What the frames cannot tell is held by
/// projections: the power (the object could take any factor) and the centre (the object could move along).
class ProbeParameter {
public:
    /// @param probe  (M, N, N) complex64, sqrt(counts), on the device of the training
    /// @param mask   (N, N) real on that device that the probe stays multiplied with, or undefined
    ProbeParameter(const at::Tensor& probe, at::Tensor mask);

    /// (M, N, N, 2) float32 leaf that requires a gradient.
    at::Tensor& value() { return value_; }
    /// (M, N, N) complex64, sqrt(counts), differentiable in value().
    at::Tensor probe() const;
    /// After a step of the optimizer: masked, with the power of the beginning.
    void restore_power();

    struct Shift {
        std::int64_t rows = 0;
        std::int64_t columns = 0;
    };
    /// Whole pixels that would bring the centre of mass of the summed intensity back to where it was at the beginning.
    Shift drift() const;
    void move(const Shift& shift);

    /// What a checkpoint needs: "value" and "gauge" (not copies). Loading is exact. @throws Error(Format) naming what
    /// is missing or of another shape
    std::map<std::string, at::Tensor> state() const;
    void load_state(const std::map<std::string, at::Tensor>& state, const std::string& prefix);

private:
    at::Tensor value_;
    at::Tensor mask_;
    double unit_; ///< sqrt(counts) of a value of one
    double row_, column_;
};

} // namespace ptk::training
