#include "training/run_description.h"

#include "model/version.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace ptk::training {

namespace {

using config::Json;

std::map<std::string, std::string> parameters_of(model::Model& model, const data::Scan& scan)
{
    std::map<std::string, std::string> parameters;
    auto json = model.settings.to_json();
    json.erase("tracking");
    const auto flat = json.flatten(); // which items() only refers to
    for (const auto& [pointer, value] : flat.items()) {
        auto name = pointer.substr(1);
        std::replace(name.begin(), name.end(), '/', '.');
        parameters[name] = value.is_string() ? value.get<std::string>() : value.dump();
    }
    std::int64_t weights = 0;
    for (const auto& parameter : model.generator->parameters())
        weights += parameter.numel();
    parameters["scan"] = scan.source;
    parameters["frames"] = std::to_string(scan.size());
    parameters["side"] = std::to_string(scan.side());
    parameters["weights"] = std::to_string(weights);
    parameters["device"] = model.device.str();
    return parameters;
}

} // namespace

tracking::RunDescription run_description(const tracking::Options& options, const std::string& id,
                                         const std::string& folder, model::Model& model, const data::Scan& scan)
{
    tracking::RunDescription run{.experiment = options.experiment, .name = options.run_name, .id = id};
    if (run.name.empty() && !folder.empty())
        run.name = std::filesystem::absolute(folder).lexically_normal().filename().string();
    run.parameters = parameters_of(model, scan);
    run.tags = {{"mlflow.source.name", "ptychokit"},
                {"mlflow.source.type", "LOCAL"},
                {"generator", model.generator_name},
                {"ptychokit.version", model::library_version}};
    if (const char* user = std::getenv("USER"))
        run.tags["mlflow.user"] = user;
    for (const auto& [name, value] : options.tags)
        run.tags[name] = value;
    return run;
}

std::map<std::string, double> epoch_metrics(const model::HistoryRow& row)
{
    std::map<std::string, double> metrics{{"training_loss", row.training_loss},
                                          {"validation_loss", row.validation_loss},
                                          {"learning_rate", row.learning_rate},
                                          {"seconds", row.seconds}};
    for (const auto& [name, value] : row.terms)
        metrics["term_" + name] = value;
    metrics.insert(row.diagnostics.begin(), row.diagnostics.end());
    return metrics;
}

} // namespace ptk::training
