#include "model/experiments.h"

#include "base/error.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>

namespace ptk::model {

const Experiment* experiment_of(const std::vector<Experiment>& experiments, const std::string& mark,
                                const config::Settings& settings)
{
    const auto& asked = settings.text("probe.experiment");
    if (experiments.empty() || asked == "none")
        return nullptr;
    if (asked == "auto") {
        const auto found = std::find_if(experiments.begin(), experiments.end(),
                                        [&](const Experiment& one) { return one.mark == mark; });
        return found == experiments.end() ? nullptr : &*found;
    }
    std::size_t number = 0;
    const auto* end = asked.data() + asked.size();
    const auto read = std::from_chars(asked.data(), end, number);
    require(read.ec == std::errc() && read.ptr == end && number >= 1 && number <= experiments.size(),
            Status::InvalidConfig, "probe.experiment: '{}' is not auto, none or a number from 1 to {} ({})", asked,
            experiments.size(), numbered(experiments));
    return &experiments[number - 1];
}

std::string numbered(const std::vector<Experiment>& experiments)
{
    std::string text;
    for (std::size_t i = 0; i < experiments.size(); ++i)
        text += fmt::format("{}{} = {}", i == 0 ? "" : ", ", i + 1, experiments[i].source);
    return text;
}

config::Json experiments_json(const std::vector<Experiment>& experiments)
{
    auto list = config::Json::array();
    for (const auto& one : experiments)
        list.push_back({{"source", one.source},
                        {"mark", one.mark},
                        {"input_scale", one.input_scale},
                        {"object_scale", one.object_scale},
                        {"mean_power", one.mean_power}});
    return list;
}

} // namespace ptk::model
