#include "physics/framewise_rpie.h"

#include "kernels/cpu/pie.h"
#include "physics/pairs.h"
#include "physics/plane_fourier.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/fft_ifftshift.h>
#include <ATen/ops/where.h>

#include <array>
#include <vector>

namespace ptk::physics {

namespace {

/// Amplitudes of transforms without a factor, the zero frequency first; negative where the pixel is bad, as the loops
/// take what is not known.
at::Tensor targets(const at::Tensor& amplitude, const at::Tensor& good)
{
    static constexpr std::array<std::int64_t, 2> plane{-2, -1};
    const auto wanted = amplitude * static_cast<double>(amplitude.size(-1));
    return at::fft_ifftshift(good.defined() ? at::where(good > 0, wanted, -1) : wanted, plane).contiguous();
}

/// What one thread works in.
struct Scratch {
    Scratch(std::int64_t modes, std::int64_t side)
        : waves(2 * modes * side * side), sum(2 * side * side), power(side * side), line(2 * side)
    {
    }
    std::vector<float> waves, sum, power, line;
};

} // namespace

at::Tensor framewise_rpie(const at::Tensor& patches, const at::Tensor& probe, const at::Tensor& amplitude, double alpha,
                          double step, const at::Tensor& good)
{
    const auto frames = patches.size(0), modes = probe.size(1), side = patches.size(-1);
    const auto plane = 2 * side * side;
    auto result = patches.resolve_conj().clone(at::MemoryFormat::Contiguous);
    const auto light = probe.resolve_conj().contiguous();
    const auto wanted = targets(amplitude, good);
    const float* amplitudes = wanted.const_data_ptr<float>();
    float* objects = pairs_of(result);
    const auto& loops = kernels::cpu::pie_loops();
    const auto& fourier = PlaneFourier::of(side);
    // There and back without a factor is N^2 times the change.
    const auto length = static_cast<float>(step / static_cast<double>(side * side));
    at::parallel_for(0, frames, 1, [&](std::int64_t begin, std::int64_t end) {
        Scratch scratch(modes, side);
        float* waves = scratch.waves.data();
        for (auto frame = begin; frame < end; ++frame) {
            const float* own = pairs(light) + frame * modes * plane;
            float* object = objects + frame * plane;
            loops.exit_wave(waves, own, object, side, modes, side);
            for (std::int64_t mode = 0; mode < modes; ++mode)
                fourier.forward(waves + mode * plane);
            loops.impose(waves, amplitudes + frame * side * side, scratch.line.data(), modes, side);
            for (std::int64_t mode = 0; mode < modes; ++mode)
                fourier.backward(waves + mode * plane);
            const float largest = loops.correlate(scratch.sum.data(), scratch.power.data(), own, waves, modes, side);
            loops.object_change(object, side, scratch.sum.data(), scratch.power.data(), largest,
                                static_cast<float>(alpha), length, side);
        }
    });
    return result;
}

} // namespace ptk::physics
