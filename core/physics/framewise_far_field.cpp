#include "physics/framewise_far_field.h"

#include "base/error.h"
#include "kernels/backend.h"
#include "kernels/cpu/far_field.h"
#include "physics/pairs.h"
#include "physics/plane_fourier.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace ptk::physics {

namespace {

using kernels::cpu::far_field_loops;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t most_parts = 8;

/// One thread's wave of one mode.
struct Wave {
    explicit Wave(std::int64_t side) : tensor(at::empty({side, side}, at::kComplexFloat)), data(pairs_of(tensor)) {}
    at::Tensor tensor;
    float* data;
};

/// True when all frames have the same light in memory, mode by mode.
bool is_repeated(const at::Tensor& probe)
{
    const auto leading = probe.dim() - 3;
    for (std::int64_t axis = 0; axis < leading; ++axis)
        if (probe.size(axis) > 1 && probe.stride(axis) != 0)
            return false;
    const auto side = probe.size(-1);
    return probe.stride(-1) == 1 && probe.stride(-2) == side &&
           (probe.size(-3) == 1 || probe.stride(-3) == side * side);
}

/// Both arguments, contiguous but for a probe that is repeated.
struct Operands {
    Operands(const at::Tensor& patches, const at::Tensor& probe)
        : side(patches.size(-1)), plane(2 * side * side), frames(patches.numel() / (side * side)),
          modes(probe.size(-3)), shared(probe.dim() == 3), repeated(is_repeated(probe)), patch(pairs(patches)),
          light(pairs(probe)), fourier(PlaneFourier::of(side))
    {
    }
    /// Where the light of a frame is, and where its gradient.
    std::int64_t light_at(std::int64_t frame, std::int64_t mode) const
    {
        return ((repeated ? 0 : frame * modes) + mode) * plane;
    }
    std::int64_t light_gradient_at(std::int64_t frame, std::int64_t mode) const
    {
        return ((shared ? 0 : frame * modes) + mode) * plane;
    }
    /// Field of one mode in the far field, without a factor.
    void diffract(std::int64_t frame, std::int64_t mode, float* wave) const
    {
        far_field_loops().exit_wave(light + light_at(frame, mode), patch + frame * plane, side * side, wave);
        fourier.forward(wave);
    }

    std::int64_t side;
    std::int64_t plane; ///< floats
    std::int64_t frames;
    std::int64_t modes;
    bool shared;   ///< the argument is one probe for all frames
    bool repeated; ///< that, or a probe for each frame that all lie at one place
    const float* patch;
    const float* light;
    const PlaneFourier& fourier;
};

at::Tensor intensity(const at::Tensor& patches, const at::Tensor& probe)
{
    const Operands operands(patches, probe);
    auto result = at::empty(patches.sizes(), at::kFloat);
    float* out = result.mutable_data_ptr<float>();
    const auto pixels = operands.side * operands.side;
    const float factor = 1.0F / static_cast<float>(pixels);
    at::parallel_for(0, operands.frames, 1, [&](std::int64_t begin, std::int64_t end) {
        const Wave wave(operands.side);
        for (auto frame = begin; frame < end; ++frame)
            for (std::int64_t mode = 0; mode < operands.modes; ++mode) {
                operands.diffract(frame, mode, wave.data);
                far_field_loops().intensity(wave.data, factor, mode > 0, operands.side, out + frame * pixels);
            }
    });
    return result;
}

/// Where gradients go; null where they are not wanted.
struct Targets {
    float* patches;
    float* probe;
};

/// Gradients of some frames, one after the other; that by a shared probe is their sum.
void differentiate(const Operands& operands, const float* gradient, std::int64_t begin, std::int64_t end,
                   const Targets& targets, const Wave& wave)
{
    const auto pixels = operands.side * operands.side, plane = operands.plane;
    const float factor = 2.0F / static_cast<float>(pixels);
    const auto& loops = far_field_loops();
    for (auto frame = begin; frame < end; ++frame)
        for (std::int64_t mode = 0; mode < operands.modes; ++mode) {
            operands.diffract(frame, mode, wave.data);
            loops.weigh(gradient + frame * pixels, factor, operands.side, wave.data);
            operands.fourier.backward(wave.data);
            if (targets.patches)
                loops.correlate(wave.data, operands.light + operands.light_at(frame, mode), mode > 0, pixels,
                                targets.patches + frame * plane);
            if (targets.probe)
                loops.correlate(wave.data, operands.patch + frame * plane, operands.shared && frame > begin, pixels,
                                targets.probe + operands.light_gradient_at(frame, mode));
        }
}

struct FramewiseFarField : torch::autograd::Function<FramewiseFarField> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& patches, const at::Tensor& probe)
    {
        context->save_for_backward({patches, probe});
        return intensity(patches, probe);
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients)
    {
        require(!c10::GradMode::is_enabled(), Status::Unsupported,
                "our far field has no second derivative; set kernels = aten");
        const auto saved = context->get_saved_variables();
        const auto &patches = saved[0], &probe = saved[1];
        const Operands operands(patches, probe);
        const auto gradient = gradients[0].contiguous();
        at::Tensor by_patches, by_probe;
        if (context->needs_input_grad(0))
            by_patches = at::empty_like(patches);
        const auto parts = operands.shared ? std::min(operands.frames, most_parts) : operands.frames;
        if (context->needs_input_grad(1)) {
            auto shape = probe.sizes().vec(); // contiguous, also where the probe is not
            if (operands.shared)
                shape.insert(shape.begin(), parts);
            by_probe = at::empty(shape, probe.options());
        }
        at::parallel_for(0, parts, 1, [&](std::int64_t first, std::int64_t last) {
            const Wave wave(operands.side);
            for (auto part = first; part < last; ++part) {
                Targets targets{pairs_of(by_patches), pairs_of(by_probe)};
                if (targets.probe && operands.shared)
                    targets.probe += part * operands.modes * operands.plane;
                differentiate(operands, gradient.const_data_ptr<float>(), operands.frames * part / parts,
                              operands.frames * (part + 1) / parts, targets, wave);
            }
        });
        return {by_patches, by_probe.defined() && operands.shared ? by_probe.sum(0) : by_probe};
    }
};

bool is_plain(const at::Tensor& tensor)
{
    return tensor.device().is_cpu() && tensor.scalar_type() == at::kComplexFloat && tensor.layout() == at::kStrided &&
           tensor.numel() > 0;
}

} // namespace

bool takes_framewise(const at::Tensor& patches, const at::Tensor& probe)
{
    return kernels::backend() != kernels::Backend::Aten && is_plain(patches) && is_plain(probe);
}

at::Tensor framewise_far_field(const at::Tensor& patches, const at::Tensor& probe)
{
    const auto planes = patches.resolve_conj().contiguous();
    const auto plain = probe.resolve_conj();
    const auto light = is_repeated(plain) ? plain : plain.contiguous();
    return c10::GradMode::is_enabled() && (patches.requires_grad() || probe.requires_grad())
               ? FramewiseFarField::apply(planes, light)
               : intensity(planes, light);
}

} // namespace ptk::physics
