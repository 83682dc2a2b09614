#include "training/regularizers.h"

#include "base/shape.h"
#include "training/phase.h"
#include "training/sums.h"

#include <ATen/ops/diff.h>
#include <ATen/ops/sgn.h>

namespace ptk::training {

namespace {

constexpr std::int64_t image_axes[] = {-2, -1};

void require_images(const at::Tensor& images)
{
    require(images.dim() >= 3 && images.size(-1) > 0 && images.size(-2) > 0, Status::Shape,
            "regularizer: images of shape {}; expected (groups, ..., rows, columns)", base::shape_of(images));
}

at::Tensor reduced(const at::Tensor& sums, const at::Tensor& patches, PenaltyForm form)
{
    const double pixels = static_cast<double>(patches.numel()) / static_cast<double>(patches.size(0));
    return form == PenaltyForm::Sum ? sums.mean() : sums.mean() / pixels;
}

at::Tensor tv_amplitude(const at::Tensor& patches, PenaltyForm form)
{
    return reduced(total_variation(patches.abs()), patches, form);
}

at::Tensor tv_phase(const at::Tensor& patches, PenaltyForm form)
{
    return reduced(total_variation(patches.angle(), form == PenaltyForm::Mean), patches, form);
}

at::Tensor mean_deviation_amplitude(const at::Tensor& patches, PenaltyForm form)
{
    return reduced(mean_deviation(patches.abs()), patches, form);
}

at::Tensor mean_deviation_phase(const at::Tensor& patches, PenaltyForm form)
{
    const auto sums = form == PenaltyForm::Mean ? circular_deviation(patches) : mean_deviation(patches.angle());
    return reduced(sums, patches, form);
}

std::string weight_option(const std::string& name)
{
    return "training.regularizers." + name;
}

void add(RegularizerRegistry& registry, const std::string& name, const std::string& summary, const std::string& source,
         Regularizer regularizer)
{
    registry.add({.name = name,
                  .summary = summary,
                  .source = source,
                  .options = config::library_schema().only({weight_option(name)})},
                 std::move(regularizer));
}

} // namespace

const RegularizerRegistry& builtin_regularizers()
{
    static const RegularizerRegistry registry = [] {
        const std::string variation = "Rudin, Osher & Fatemi, Physica D 60, 259 (1992); PtychoPINN 'Total_Variation'",
                          deviation = "PtychoPINN 'Mean_Deviation'";
        RegularizerRegistry all("regularizer");
        add(all, "tv_amplitude", "total variation of the amplitude: flat areas with edges", variation, tv_amplitude);
        add(all, "tv_phase",
            "total variation of the phase, over its jumps; compat = 'ptychopinn' counts jumps as edges", variation,
            tv_phase);
        add(all, "mean_deviation_amplitude", "difference of the amplitude to its mean in the patch", deviation,
            mean_deviation_amplitude);
        add(all, "mean_deviation_phase",
            "difference of the phase to that of the mean phasor; compat = 'ptychopinn': to the mean of the angles",
            deviation, mean_deviation_phase);
        return all;
    }();
    return registry;
}

std::vector<Penalty> penalties_of(const config::Settings& settings)
{
    const auto form = settings.text("compat") == "ptychopinn" ? PenaltyForm::Sum : PenaltyForm::Mean;
    std::vector<Penalty> penalties;
    for (const auto* entry : builtin_regularizers().entries()) {
        const auto& name = entry->metadata.name;
        if (const double weight = settings.number(weight_option(name)); weight > 0)
            penalties.push_back(
                {name, weight, [form, &make = entry->make](const at::Tensor& patches) { return make(patches, form); }});
    }
    return penalties;
}

at::Tensor total_variation(const at::Tensor& images, bool circular)
{
    require_images(images);
    const auto along = [&](std::int64_t axis) {
        const auto difference = at::diff(images, 1, axis);
        return sum_of_each((circular ? short_way(difference) : difference).abs());
    };
    return along(-1) + along(-2);
}

at::Tensor mean_deviation(const at::Tensor& images)
{
    require_images(images);
    return sum_of_each((images - images.mean(image_axes, /*keepdim=*/true)).abs());
}

at::Tensor circular_deviation(const at::Tensor& images)
{
    require_images(images);
    const auto mean = at::sgn(images).mean(image_axes, /*keepdim=*/true);
    return sum_of_each((images * mean.conj()).angle().abs());
}

} // namespace ptk::training
