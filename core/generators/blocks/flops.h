#pragma once

namespace ptk::generators {

/// Floating-point operations of the layers that run in this thread while it lives; a multiplication with an addition
/// are two. Counted are convolutions, matrix products, Fourier transforms and attention, which make the cost of every
/// network here; what is done once a value (activations, sums) is not.
class FlopCount {
public:
    FlopCount();
    ~FlopCount();
    FlopCount(const FlopCount&) = delete;
    FlopCount& operator=(const FlopCount&) = delete;

    double total() const noexcept { return total_; }
    /// Called by the layers; nothing is done when nobody counts.
    static void add(double operations) noexcept;

private:
    FlopCount* outer_;
    double total_ = 0;
};

} // namespace ptk::generators
