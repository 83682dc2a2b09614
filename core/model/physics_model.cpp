#include "model/physics_model.h"

#include "base/error.h"
#include "physics/patches.h"

#include <cmath>
#include <string>

namespace ptk::model {

namespace {

/// PtychoPINN's default of max_neighbor_distance, pixels.
constexpr double usual_distance = 3;

/// What does not fit, in one message.
class Contradictions {
public:
    explicit Contradictions(std::string subject) : subject_(std::move(subject)) {}

    void expect(bool good, const std::string& expected, const std::string& found)
    {
        if (!good)
            text_ += fmt::format("{}{} (found {})", text_.empty() ? "" : "; ", expected, found);
    }
    void finish() const { require(text_.empty(), Status::InvalidConfig, "{} goes with {}", subject_, text_); }

private:
    std::string subject_, text_;
};

std::string quoted(const std::string& text)
{
    return "'" + text + "'";
}

void expect_text(Contradictions& all, const config::Settings& settings, const std::string& name,
                 const std::string& value)
{
    const auto& found = settings.text(name);
    all.expect(found == value, name + " = " + quoted(value), quoted(found));
}

void check_common(const config::Settings& settings, const generators::Generator& generator)
{
    Contradictions all("physics.model = " + quoted(settings.text("physics.model")));
    all.expect(!generator.needs_probe() && generator.passes() == 1,
               "a generator that sees frames only, once (cnn, fno, hybrid_resnet ...)",
               quoted(settings.text("generator.name")));
    expect_text(all, settings, "physics.object_scale", "ptychopinn");
    expect_text(all, settings, "physics.subpixel", "interpolate");
    const auto& loss = settings.text("training.loss");
    all.expect(loss == "poisson" || loss == "mae", "training.loss = 'poisson' or 'mae'", quoted(loss));
    all.expect(!settings.flag("probe.trainable"), "probe.trainable = false", "true");
    all.finish();
}

void check_amplitude(const config::Settings& settings)
{
    Contradictions all("physics.model = 'amplitude'");
    expect_text(all, settings, "physics.scale_contract", "legacy");
    expect_text(all, settings, "input.images", "amplitude");
    expect_text(all, settings, "physics.scales_start", "ones");
    all.finish();
}

void check_rectangular(const config::Settings& settings)
{
    Contradictions all("physics.model = 'rectangular'");
    const double gain = settings.number("physics.gain");
    all.expect(gain == 1, "physics.gain = 1", fmt::format("{:g}", gain));
    all.expect(!settings.flag("physics.alpha_beta"), "physics.alpha_beta = false", "true");
    all.expect(!settings.flag("training.match_norm"), "training.match_norm = false", "true");
    all.finish();
    if (settings.text("physics.scale_contract") == "legacy") {
        Contradictions legacy("physics.scale_contract = 'legacy'");
        expect_text(legacy, settings, "input.images", "amplitude");
        legacy.finish();
        return;
    }
    Contradictions counts("physics.scale_contract = 'count_intensity'");
    expect_text(counts, settings, "input.images", "intensity");
    expect_text(counts, settings, "input.rms", "half_side");
    expect_text(counts, settings, "input.scaling", "parseval");
    expect_text(counts, settings, "input.normalize", "batch");
    expect_text(counts, settings, "training.loss", "poisson");
    counts.finish();
}

physics::PatchMerge merge_of(const config::Settings& settings, std::int64_t group_size)
{
    const auto& name = settings.text("physics.patch_weighting");
    if (group_size == 1 || name == "none")
        return physics::PatchMerge::None;
    return name == "probe"     ? physics::PatchMerge::Probe
           : name == "uniform" ? physics::PatchMerge::Uniform
                               : physics::PatchMerge::CentralMask;
}

} // namespace

PhysicsModel physics_model(const config::Settings& settings)
{
    const auto& name = settings.text("physics.model");
    return name == "amplitude"     ? PhysicsModel::Amplitude
           : name == "rectangular" ? PhysicsModel::Rectangular
                                   : PhysicsModel::Tiles;
}

PtychoPinnSettings ptychopinn_settings(const config::Settings& settings, const generators::Generator& generator,
                                       std::int64_t group_size, std::int64_t side)
{
    check_common(settings, generator);
    PtychoPinnSettings made;
    made.model = physics_model(settings);
    if (made.model == PhysicsModel::Rectangular)
        check_rectangular(settings);
    else
        check_amplitude(settings);
    made.poisson = settings.text("training.loss") == "poisson";
    made.match_norm = settings.flag("training.match_norm");
    made.count_intensity = settings.text("physics.scale_contract") == "count_intensity";
    made.loss_in_counts = settings.text("physics.loss_units") == "counts";
    made.alpha_beta = settings.flag("physics.alpha_beta");
    made.scales_trainable = settings.flag("physics.scales_trainable");
    made.scales_from_data = settings.text("physics.scales_start") == "data";
    made.squared_again = settings.text("compat") == "ptychopinn";
    made.probe_scale = settings.number("probe.scale");
    made.gain = settings.number("physics.gain");
    made.merge = merge_of(settings, group_size);
    const double distance = settings.has("scan.max_distance") ? settings.number("scan.max_distance") : usual_distance;
    const auto grid = static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(group_size))));
    made.padded = physics::padded_side(side, grid, distance);
    return made;
}

} // namespace ptk::model
