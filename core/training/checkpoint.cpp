#include "training/checkpoint.h"

#include "base/checksum.h"
#include "base/json.h"
#include "model/bundle.h"

#include <cmath>
#include <utility>

namespace ptk::training {

namespace {

using config::Json;

/// Version of the training part of a checkpoint.
constexpr int layout = 1;

/// JSON has no infinity.
Json finite_or_null(double number)
{
    return std::isfinite(number) ? Json(number) : Json();
}

Json to_json(const TrainingPosition& position, const std::string& mark)
{
    return {{"training",
             {{"layout", layout},
              {"step", position.step},
              {"epoch", position.epoch},
              {"loss_sum", position.loss_sum},
              {"term_sums", position.term_sums},
              {"best_loss", finite_or_null(position.best_loss)},
              {"seconds", position.seconds},
              {"found_rate", position.found_rate},
              {"tracking_id", position.tracking_id},
              {"scan", mark}}}};
}

TrainingPosition position_from(const Json& json)
{
    TrainingPosition position;
    position.step = json.at("step").get<std::int64_t>();
    position.epoch = json.at("epoch").get<std::int64_t>();
    position.loss_sum = json.at("loss_sum").get<double>();
    if (json.contains("term_sums")) // since there are regularizers
        position.term_sums = json.at("term_sums").get<std::map<std::string, double>>();
    const auto& best = json.at("best_loss");
    if (!best.is_null())
        position.best_loss = best.get<double>();
    position.seconds = json.at("seconds").get<double>();
    position.found_rate = json.value("found_rate", 0.0);
    position.tracking_id = json.value("tracking_id", "");
    const bool possible = position.epoch >= 0 && position.step >= position.epoch && position.seconds >= 0;
    require(possible, Status::Format, "step {} of epoch {} cannot be", position.step, position.epoch);
    return position;
}

} // namespace

std::string probe_name(std::size_t number)
{
    return number == 0 ? "probe" : fmt::format("probe_{}", number);
}

std::string scan_mark(const data::Scan& scan)
{
    const auto positions = scan.positions.to(at::kCPU, at::kDouble).contiguous();
    auto sum = base::checksum(positions.const_data_ptr(), positions.nbytes());
    for (const auto& experiment : scan.experiments) // which may all lie on the same grid
        sum = base::checksum(experiment.mark.data(), experiment.mark.size(), sum);
    return fmt::format("{} frames of {} x {}, positions {:016x}", scan.size(), scan.side(), scan.side(), sum);
}

void save_checkpoint(model::Model& model, const std::string& path, const TrainingPosition& position,
                     const std::string& scan_mark, const std::map<std::string, at::Tensor>& tensors)
{
    model::save_bundle(model, path, tensors, to_json(position, scan_mark).dump());
}

Checkpoint load_checkpoint(const generators::GeneratorRegistry& registry, const std::string& path, c10::Device device)
{
    auto bundle = model::load_bundle(registry, path, device);
    const auto json = base::parse_json(bundle.extra_json);
    require(json.is_object() && json.contains("training"), Status::Format,
            "{}: holds a model but no training to continue; use the last.ptk of a run folder", path);
    Checkpoint checkpoint;
    try {
        const auto& training = json.at("training");
        const auto version = training.at("layout").get<int>();
        require(version <= layout, Status::Format, "layout {} is newer than the {} known here", version, layout);
        checkpoint.position = position_from(training);
        checkpoint.scan_mark = training.at("scan").get<std::string>();
    } catch (const Json::exception& error) {
        fail(Status::Format, "{}: training state: {}", path, error.what());
    } catch (const Error& error) {
        fail(error.status(), "{}: training state: {}", path, error.message());
    }
    checkpoint.model = std::move(bundle.model);
    checkpoint.tensors = std::move(bundle.extra);
    return checkpoint;
}

} // namespace ptk::training
