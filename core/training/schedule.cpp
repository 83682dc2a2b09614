#include "training/schedule.h"

#include "base/error.h"
#include "base/text.h"

#include <cmath>

namespace ptk::training {

namespace {

constexpr double rising_part = 0.3;
constexpr double first = 1.0 / 25;
constexpr double last = first / 1e4;

double half_cosine(double from, double to, double part)
{
    return to + (from - to) / 2 * (1 + std::cos(M_PI * part));
}

double constant(std::int64_t, std::int64_t)
{
    return 1;
}

struct Named {
    const char* name;
    double (*schedule)(std::int64_t, std::int64_t);
};

constexpr Named schedules[] = {
    {"one_cycle", one_cycle},
    {"constant", constant},
};

} // namespace

double one_cycle(std::int64_t step, std::int64_t steps)
{
    const double now = static_cast<double>(step), end = static_cast<double>(steps - 1);
    const double top = rising_part * static_cast<double>(steps) - 1;
    if (now >= end)
        return steps > 1 ? last : 1; // a single step is the top
    if (now <= top)
        return top > 0 ? half_cosine(first, 1, now / top) : 1;
    return half_cosine(1, last, (now - top) / (end - top));
}

Schedule schedule_by_name(const std::string& name)
{
    std::vector<std::string> names;
    for (const auto& entry : schedules) {
        if (name == entry.name)
            return entry.schedule;
        names.emplace_back(entry.name);
    }
    fail(Status::NotFound, "training.schedule: '{}' is not a schedule{}", name, base::did_you_mean(name, names));
}

} // namespace ptk::training
