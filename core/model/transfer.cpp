#include "model/transfer.h"

#include "base/text.h"
#include "model/compare.h"
#include "model/fit_options.h"
#include "model/version.h"
#include "model/weights.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/view_as_complex.h>
#include <c10/core/GradMode.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <torch/headeronly/version.h>

namespace ptk::model {

namespace {

using config::Json;

at::Tensor as_complex(const at::Tensor& found, const at::Tensor& expected)
{
    if (!expected.is_complex() || found.is_complex())
        return found;
    const auto type = c10::toRealValueType(expected.scalar_type());
    return at::view_as_complex(found.to(type).contiguous());
}

void fill(generators::Generator& generator, const TensorMap& own, const std::string& path)
{
    const c10::NoGradGuard no_gradient;
    for (const auto& [tensor, names] : names_of_tensors(generator)) {
        bool filled = false;
        for (const auto& name : names) {
            const auto place = own.find(name);
            if (place == own.end())
                continue;
            const auto values = as_complex(place->second, *tensor).to(tensor->scalar_type());
            require(!filled || at::equal(values, *tensor), Status::Format,
                    "{}: '{}' and '{}' are one tensor in the network, but have different values", path, names.front(),
                    name);
            tensor->copy_(values);
            filled = true;
        }
        require(at::isfinite(*tensor).all().item<bool>(), Status::Format, "{}: '{}' holds values that are not finite",
                path, names.front());
    }
}

Json origin_of(const Weights& weights, const Fit& fit, const SortedTensors& content)
{
    return {{"library", library_version}, {"libtorch", TORCH_VERSION},   {"imported_from", weights.path},
            {"format", weights.format},   {"prefix", fit.prefix},        {"found", fit.found},
            {"assumed", fit.assumed},     {"left_out", content.left_out}};
}

void report(const Weights& weights, const Fit& fit, const SortedTensors& content, Log& log)
{
    log.debug("import", "{}: {}, {} tensors; {}", weights.path, weights.format, content.own.size(),
              fmt::join(fit.found, ", "));
    if (!fit.assumed.empty())
        log.debug("import", "names and shapes do not tell, defaults are taken: {}", fmt::join(fit.assumed, ", "));
    if (!content.left_out.empty())
        log.debug("import", "not part of the network, left out: {}", fmt::join(content.left_out, ", "));
    if (const auto mode = weights.fields.find("physics_forward_mode");
        mode != weights.fields.end() && *mode == "rectangular_scaled")
        log.warn("import",
                 "the network was trained with physics_forward_mode = rectangular_scaled, where its input may "
                 "be intensities; here it sees amplitudes");
}

/// "generator.width" -> value, of the settings that describe the network, and its side.
Json fields_of(const Model& model)
{
    auto fields = Json::object();
    const auto settings = model.settings.to_json();
    for (const auto& [name, value] : settings.at("generator").items())
        fields["generator." + name] = value;
    fields["generator.name"] = model.generator_name;
    fields["side"] = model.problem.side;
    return fields;
}

} // namespace

std::unique_ptr<Model> import_model(const generators::GeneratorRegistry& registry, const std::string& path,
                                    const config::Config& config, std::int64_t side, c10::Device device, Log& log)
{
    const auto weights = read_weights(path);
    const auto fit = fit_options(registry, weights, config, side);
    auto model = make_model(registry, fit.config, fit.side, c10::kCPU, FirstWeights::Zero);
    const auto content = sort_tensors(weights.tensors, fit.prefix);
    auto difference = compare(*model->generator, content.own);
    difference.unexpected.insert(difference.unexpected.end(), content.unexpected.begin(), content.unexpected.end());
    require(
        difference.none(), Status::Format,
        "{}: the tensors do not fit generator '{}' for N = {}{}: {}; give generator.name and its options (-s) where "
        "they are known",
        path, model->generator_name, fit.side, fit.prefix.empty() ? "" : " (names after '" + fit.prefix + "')",
        difference.text());
    fill(*model->generator, content.own, path);
    model->generator->to(device);
    model->device = device;
    model->input_scale = 0;
    model->input_rms = weights.input_rms;
    model->provenance = origin_of(weights, fit, content).dump(-1, ' ', false, Json::error_handler_t::replace);
    report(weights, fit, content, log);
    return model;
}

void export_weights(Model& model, const std::string& path)
{
    TensorMap tensors;
    for (const auto& [tensor, names] : names_of_tensors(*model.generator)) {
        const auto values = tensor->detach().cpu();
        require(at::isfinite(values).all().item<bool>(), Status::NotConverged,
                "{}: not written: '{}' holds values that are not finite", path, names.front());
        for (const auto& name : names)
            tensors[name] = values;
    }
    write_weights(path, tensors, {{"format", "pt"}, {metadata_key, fields_of(model).dump()}});
}

} // namespace ptk::model
