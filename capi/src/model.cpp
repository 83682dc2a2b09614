#include "evaluation/pictures.h"
#include "generators/cost.h"
#include "guard.h"
#include "model/bundle.h"
#include "model/settings.h"
#include "model/transfer.h"
#include "physics/probe.h"
#include "training/categories.h"
#include "views.h"

#include <ATen/ops/isfinite.h>
#include <nlohmann/json.hpp>

using namespace ptk;
using namespace ptk::capi;
using config::Json;

namespace {

using NamedArrays = std::vector<std::pair<std::string, at::Tensor>>;

Json describe(const registry::Metadata& metadata)
{
    return {{"name", metadata.name},
            {"aliases", metadata.aliases},
            {"summary", metadata.summary},
            {"source", metadata.source},
            {"capabilities", metadata.capabilities}};
}

Json costs_of(const generators::GeneratorRegistry::Entry& entry)
{
    auto rows = Json::array();
    for (const auto& cost : generators::default_costs(entry))
        rows.push_back({{"N", cost.side},
                        {"C", cost.channels},
                        {"parameters", cost.parameters},
                        {"flops_per_frame", cost.flops_per_frame}});
    return rows;
}

/// A category's entries; "categories" are the categories themselves.
std::vector<const registry::Metadata*> entries_of(const Context& context, const std::string& category)
{
    const auto& all = training::categories();
    if (category != "categories")
        return all.get(category).make.entries(context.registry);
    std::vector<const registry::Metadata*> entries;
    for (const auto* entry : all.entries())
        entries.push_back(&entry->metadata);
    return entries;
}

Json listed(const std::vector<const registry::Metadata*>& entries)
{
    auto list = Json::array();
    for (const auto* entry : entries)
        list.push_back(describe(*entry));
    return list;
}

Json described(const Context& context, const std::string& category, const std::string& name)
{
    const auto& found = training::categories().get(category);
    const auto& metadata = found.make.get(context.registry, name);
    auto text = describe(metadata);
    if (found.metadata.name == "generators") {
        const Session session(context);
        text["cost"] = costs_of(context.registry.get(name));
    }
    text["options"] = metadata.options.to_json();
    return text;
}

NamedArrays arrays_of(model::Model& model)
{
    NamedArrays arrays;
    if (model.probe.defined())
        arrays.emplace_back("probe", model.probe);
    for (std::size_t i = 0; i < model.experiments.size(); ++i)
        arrays.emplace_back(fmt::format("experiments.{}.probe", i + 1), model.experiments[i].probe);
    for (const auto& part : {model.generator->named_parameters(), model.generator->named_buffers()})
        for (const auto& [name, tensor] : part)
            arrays.emplace_back(name, *tensor);
    return arrays;
}

void write_history(const model::Model& model, const std::string& path)
{
    require(!model.history.empty(), Status::State, "the model has no history yet; train it");
    evaluation::Curve training{.label = "training", .values = {}};
    evaluation::Curve validation{.label = "validation", .values = {}};
    for (const auto& row : model.history) {
        training.values.push_back(row.training_loss);
        validation.values.push_back(row.validation_loss);
    }
    evaluation::write_curves({training, validation}, "loss of " + model.generator_name + " over epochs", path);
}

void write_picture(const model::Model& model, const std::string& picture, const std::string& path)
{
    if (picture == "history")
        return write_history(model, path);
    require(picture == "probe", Status::NotFound, "there is no picture '{}' of a model; expected 'history' or 'probe'",
            picture);
    require(model.probe.defined(), Status::State, "the model has no probe yet; train it or set one");
    evaluation::write_probe(model.probe, path);
}

std::int64_t parameter_count(model::Model& model)
{
    std::int64_t count = 0;
    for (const auto& tensor : model.generator->parameters())
        count += tensor.numel();
    return count;
}

} // namespace

ptk_status ptk_generator_list(const ptk_context* ctx, char* buf, size_t capacity, size_t* needed_out)
{
    return guard("ptk_generator_list", [&] {
        const auto& context = *required(ctx, "ctx").context;
        give_text(json_text(listed(entries_of(context, "generators"))), buf, capacity, needed_out);
    });
}

ptk_status ptk_generator_describe(const ptk_context* ctx, const char* name, char* buf, size_t capacity,
                                  size_t* needed_out)
{
    return guard("ptk_generator_describe", [&] {
        const auto& context = *required(ctx, "ctx").context;
        const std::string wanted = required_text(name, "name");
        require_text_out(buf, capacity, needed_out);
        give_text(json_text(described(context, "generators", wanted)), buf, capacity, needed_out);
    });
}

ptk_status ptk_initializer_list(const ptk_context* ctx, char* buf, size_t capacity, size_t* needed_out)
{
    return guard("ptk_initializer_list", [&] {
        const auto& context = *required(ctx, "ctx").context;
        give_text(json_text(listed(entries_of(context, "initializers"))), buf, capacity, needed_out);
    });
}

ptk_status ptk_registry_list(const ptk_context* ctx, const char* category, char* buf, size_t capacity,
                             size_t* needed_out)
{
    return guard("ptk_registry_list", [&] {
        const auto& context = *required(ctx, "ctx").context;
        const auto entries = entries_of(context, required_text(category, "category"));
        give_text(json_text(listed(entries)), buf, capacity, needed_out);
    });
}

ptk_status ptk_registry_describe(const ptk_context* ctx, const char* category, const char* name, char* buf,
                                 size_t capacity, size_t* needed_out)
{
    return guard("ptk_registry_describe", [&] {
        const auto& context = *required(ctx, "ctx").context;
        const std::string in = required_text(category, "category"), wanted = required_text(name, "name");
        require_text_out(buf, capacity, needed_out);
        give_text(json_text(described(context, in, wanted)), buf, capacity, needed_out);
    });
}

ptk_status ptk_model_create(ptk_model** out, const ptk_context* ctx, int64_t side, const ptk_config* config)
{
    return guard("ptk_model_create", [&] {
        require_out(out);
        const auto& context = required(ctx, "ctx").context;
        require(side >= 1 && side <= 1 << 16, Status::Shape, "side is {}; expected 1 to {}", side, 1 << 16);
        const Session session(*context);
        give(out, {context, model::make_model(context->registry, merged(*context, config), side, context->device)});
    });
}

ptk_status ptk_model_load(ptk_model** out, const ptk_context* ctx, const char* path)
{
    return guard("ptk_model_load", [&] {
        require_out(out);
        const auto& context = required(ctx, "ctx").context;
        required_text(path, "path");
        const Session session(*context);
        give(out, {context, model::load_bundle(context->registry, path, context->device).model});
    });
}

ptk_status ptk_model_save(const ptk_model* model, const char* path)
{
    return guard("ptk_model_save", [&] {
        const auto& handle = required(model, "model");
        required_text(path, "path");
        const Session session(*handle.context);
        model::save_bundle(*handle.model, path);
    });
}

ptk_status ptk_model_import(ptk_model** out, const ptk_context* ctx, const char* path, int64_t side,
                            const ptk_config* config)
{
    return guard("ptk_model_import", [&] {
        require_out(out);
        const auto& context = required(ctx, "ctx").context;
        required_text(path, "path");
        require(side >= 0 && side <= 1 << 16, Status::InvalidArgument, "side is {}; expected 0 to {}", side, 1 << 16);
        const Session session(*context);
        give(out, {context, model::import_model(context->registry, path, merged(*context, config), side,
                                                context->device, *context->log)});
    });
}

ptk_status ptk_model_export(const ptk_model* model, const char* path)
{
    return guard("ptk_model_export", [&] {
        const auto& handle = required(model, "model");
        required_text(path, "path");
        const Session session(*handle.context);
        model::export_weights(*handle.model, path);
    });
}

void ptk_model_free(ptk_model* model)
{
    release(model);
}

int64_t ptk_model_parameter_count(const ptk_model* model)
{
    std::int64_t count = 0;
    const auto status = guard("ptk_model_parameter_count", [&] {
        if (model != nullptr)
            count = parameter_count(*impl(model)->model);
    });
    return status == PTK_OK ? count : 0;
}

int64_t ptk_model_side(const ptk_model* model)
{
    return model == nullptr ? 0 : impl(model)->model->problem.side;
}

ptk_status ptk_model_describe(const ptk_model* model, char* buf, size_t capacity, size_t* needed_out)
{
    return guard("ptk_model_describe", [&] {
        const auto& handle = required(model, "model");
        require_text_out(buf, capacity, needed_out);
        const Session session(*handle.context);
        give_text(model::describe(*handle.model), buf, capacity, needed_out);
    });
}

ptk_status ptk_model_history(const ptk_model* model, char* buf, size_t capacity, size_t* needed_out)
{
    return guard("ptk_model_history", [&] {
        const auto& handle = required(model, "model");
        give_text(json_text(model::history_json(handle.model->history)), buf, capacity, needed_out);
    });
}

ptk_status ptk_model_arrays(const ptk_model* model, char* buf, size_t capacity, size_t* needed_out)
{
    return guard("ptk_model_arrays", [&] {
        const auto& handle = required(model, "model");
        give_text(json_text(describe_arrays(arrays_of(*handle.model))), buf, capacity, needed_out);
    });
}

ptk_status ptk_model_shape(const ptk_model* model, const char* name, int64_t* shape_out, int32_t capacity,
                           int32_t* ndim_out)
{
    return guard("ptk_model_shape", [&] {
        const auto& handle = required(model, "model");
        required_text(name, "name");
        require_shape_out(shape_out, ndim_out);
        const auto arrays = arrays_of(*handle.model);
        give_shape(find_array(arrays, name).sizes(), shape_out, capacity, ndim_out);
    });
}

ptk_status ptk_model_read(const ptk_model* model, const char* name, ptk_view* array_out)
{
    return guard("ptk_model_read", [&] {
        const auto& handle = required(model, "model");
        required_text(name, "name");
        const Session session(*handle.context);
        const auto arrays = arrays_of(*handle.model);
        give_array(find_array(arrays, name), array_out, "array_out");
    });
}

ptk_status ptk_model_set_probe(ptk_model* model, const ptk_view* probe)
{
    return guard("ptk_model_set_probe", [&] {
        auto& handle = required(model, "model");
        const Session session(*handle.context);
        const auto given = borrowed(probe, "probe", Numbers::Complex, {2, 3});
        require(at::isfinite(given).all().item<bool>(), Status::Shape, "probe: not all numbers are finite");
        handle.model->probe = physics::canonical_probe(given, handle.model->problem.side).clone();
        handle.model->experiments.clear(); // it is for any scan
    });
}

ptk_status ptk_model_write_picture(const ptk_model* model, const char* picture, const char* path)
{
    return guard("ptk_model_write_picture", [&] {
        const auto& handle = required(model, "model");
        required_text(picture, "picture");
        required_text(path, "path");
        const Session session(*handle.context);
        write_picture(*handle.model, picture, path);
    });
}
