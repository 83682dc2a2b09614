#include "training/schedule.h"

#include "training/history.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ptk::training {

namespace {

constexpr double rising_part = 0.3;
constexpr double first = 1.0 / 25;
constexpr double last = first / 1e4;
constexpr double cold = 0.1; ///< where a warm-up begins

double half_cosine(double from, double to, double part)
{
    return to + (from - to) / 2 * (1 + std::cos(M_PI * std::clamp(part, 0.0, 1.0)));
}

Schedule exponential(const config::Settings& settings)
{
    return [gamma = settings.number("training.schedule_gamma")](const ScheduleTime& time) {
        return std::pow(gamma, static_cast<double>(time.epoch()));
    };
}

Schedule warmup_cosine(const config::Settings& settings)
{
    return [warm_epochs = settings.integer("training.warmup_epochs"),
            least = settings.number("training.smallest_rate")](const ScheduleTime& time) {
        const auto warm = static_cast<double>(std::min(warm_epochs * time.steps_per_epoch, time.steps));
        const auto now = static_cast<double>(time.step);
        if (now < warm)
            return cold + (1 - cold) * now / warm;
        return half_cosine(1, least, (now - warm) / std::max(1.0, static_cast<double>(time.steps) - warm));
    };
}

Schedule plateau(const config::Settings& settings)
{
    return
        [factor = settings.number("training.plateau_factor"), patience = settings.integer("training.plateau_patience"),
         threshold = settings.number("training.plateau_threshold"),
         least = settings.number("training.smallest_rate")](const ScheduleTime& time) {
            double rate = 1, best = std::numeric_limits<double>::infinity();
            std::int64_t bad = 0;
            for (const auto& row : time.history) {
                if (const double loss = judged_loss(row); loss < best * (1 - threshold)) {
                    best = loss;
                    bad = 0;
                } else if (++bad > patience) {
                    rate = std::max(rate * factor, least);
                    bad = 0;
                }
            }
            return rate;
        };
}

Schedule multi_stage(const config::Settings& settings)
{
    const auto stay = static_cast<double>(settings.integer("training.stage_1_epochs"));
    const auto fall = static_cast<double>(settings.integer("training.stage_2_epochs"));
    return [stay, fall, least = settings.number("training.smallest_rate")](const ScheduleTime& time) {
        const double epoch = static_cast<double>(time.step) / static_cast<double>(time.steps_per_epoch);
        if (epoch < stay)
            return 1.0;
        return epoch < stay + fall ? half_cosine(1, least, (epoch - stay) / fall) : least;
    };
}

Schedule constant(const config::Settings&)
{
    return [](const ScheduleTime&) { return 1.0; };
}

config::Schema options(const std::vector<std::string>& names)
{
    return config::library_schema().only(names);
}

void add_smooth(ScheduleRegistry& registry)
{
    registry.add({.name = "one_cycle",
                  .summary = "up over the first 30 % of the steps, down to nearly nothing over the rest",
                  .source = "Smith & Topin, arXiv:1708.07120 (2018)"},
                 [](const config::Settings&) { return Schedule(one_cycle); });
    registry.add({.name = "constant", .summary = "the same rate in every step", .source = "PtychoPINN 'Default'"},
                 constant);
    registry.add({.name = "exponential",
                  .summary = "a factor after every epoch",
                  .source = "PtychoPINN 'Exponential'",
                  .options = options({"training.schedule_gamma"})},
                 exponential);
    registry.add({.name = "warmup_cosine",
                  .summary = "up in a line, then down on half a cosine",
                  .source = "Loshchilov & Hutter, arXiv:1608.03983; PtychoPINN 'WarmupCosine'",
                  .options = options({"training.warmup_epochs", "training.smallest_rate"})},
                 warmup_cosine);
}

void add_stepped(ScheduleRegistry& registry)
{
    registry.add({.name = "plateau",
                  .summary = "a factor whenever the loss has stopped falling",
                  .source = "PtychoPINN 'ReduceLROnPlateau'",
                  .options = options({"training.plateau_factor", "training.plateau_patience",
                                      "training.plateau_threshold", "training.smallest_rate"})},
                 plateau);
    registry.add({.name = "multi_stage",
                  .summary = "constant, down on half a cosine, constant again",
                  .source = "PtychoPINN 'MultiStage'",
                  .options = options({"training.stage_1_epochs", "training.stage_2_epochs", "training.smallest_rate"})},
                 multi_stage);
}

} // namespace

double one_cycle(const ScheduleTime& time)
{
    const double now = static_cast<double>(time.step), end = static_cast<double>(time.steps - 1);
    const double top = rising_part * static_cast<double>(time.steps) - 1;
    if (now >= end)
        return time.steps > 1 ? last : 1; // a single step is the top
    if (now <= top)
        return top > 0 ? half_cosine(first, 1, now / top) : 1;
    return half_cosine(1, last, (now - top) / (end - top));
}

const ScheduleRegistry& builtin_schedules()
{
    static const ScheduleRegistry registry = [] {
        ScheduleRegistry all("schedule");
        add_smooth(all);
        add_stepped(all);
        return all;
    }();
    return registry;
}

Schedule make_schedule(const config::Settings& settings)
{
    return builtin_schedules().get(settings.text("training.schedule")).make(settings);
}

} // namespace ptk::training
