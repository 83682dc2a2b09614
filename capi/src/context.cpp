#include "base/device.h"
#include "base/threads.h"
#include "guard.h"
#include "kernels/backend.h"
#include "model/settings.h"
#include "plugin.h"
#include "training/team.h"

#include <ATen/Context.h>
#include <nlohmann/json.hpp>

using namespace ptk;
using namespace ptk::capi;
using config::Json;

namespace ptk::capi {

config::Config merged(const Context& context, const ptk_config* given)
{
    auto all = context.general;
    if (given != nullptr)
        all.merge(*impl(given));
    return all;
}

config::Settings resolved(const Context& context, const ptk_config* given)
{
    const auto all = merged(context, given);
    return {model::full_schema(context.registry, all), all};
}

namespace {

/// There is one thread count, one choice of kernels and one deterministic mode for the whole process; both are only
/// ever set, not taken back.
void apply_to_process(const config::Settings& settings)
{
    base::set_thread_count(static_cast<int>(settings.integer("threads")));
    if (settings.given("kernels"))
        kernels::set_backend(kernels::backend_named(settings.text("kernels")));
    if (settings.flag("deterministic"))
        at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
}

config::Config inherited(const config::Settings& settings)
{
    config::Config general;
    if (settings.given("seed"))
        general.set("seed", settings.integer("seed"));
    if (settings.given("deterministic"))
        general.set("deterministic", settings.flag("deterministic"));
    if (settings.given("compat"))
        general.set("compat", settings.text("compat"));
    return general;
}

/// Before anything else is looked at: a plug-in may bring the generator that the rest is about.
void load_named_plugins(const Context& context, const ptk_config* given)
{
    if (given == nullptr)
        return;
    const auto& values = impl(given)->values();
    const auto found = values.find("plugins");
    if (found == values.end())
        return;
    config::Config plugins;
    plugins.set("plugins", found->second);
    load_plugins(context, config::Settings(config::library_schema(), plugins).text("plugins"));
}

/// A context whose configuration names a TorchScript program loads models that were trained with it.
void note_named_program(const Context& context)
{
    const auto& settings = context.settings;
    if (settings.text("generator.name") == "torchscript" && !settings.text("generator.file").empty())
        context.programs->add(settings.text("generator.file"));
}

Json describe(const Context& context)
{
    const auto rank = training::rank_of_training(context.settings);
    return {{"rank", rank ? rank->rank : 0},
            {"processes", rank ? rank->size : 1},
            {"device", context.device.str()},
            {"threads", base::thread_count()},
            {"seed", context.settings.integer("seed")},
            {"deterministic", context.settings.flag("deterministic")},
            {"compat", context.settings.text("compat")}};
}

config::Schema schema_of(const Context& context, const std::string& subject, const config::Config& config)
{
    return model::schema_of(context.registry, subject, config);
}

ptk_status set_value(const char* function, ptk_config* config, const char* key, Json value)
{
    return guard(function, [&] { required(config, "config").set(required_text(key, "key"), std::move(value)); });
}

} // namespace

} // namespace ptk::capi

ptk_status ptk_context_create(ptk_context** out, const char* device, const ptk_config* config)
{
    return guard("ptk_context_create", [&] {
        require_out(out);
        auto context = std::make_shared<Context>();
        context->device = base::open_device(required_text(device, "device"));
        load_named_plugins(*context, config);
        context->settings = resolved(*context, config);
        note_named_program(*context);
        context->general = inherited(context->settings);
        apply_to_process(context->settings);
        give(out, ContextHandle{std::move(context)});
    });
}

void ptk_context_free(ptk_context* ctx)
{
    release(ctx);
}

ptk_status ptk_context_set_log(ptk_context* ctx, ptk_log_level level, ptk_log_fn fn, void* user_data)
{
    return guard("ptk_context_set_log", [&] {
        const auto& context = *required(ctx, "ctx").context;
        require(level >= PTK_LOG_ERROR && level <= PTK_LOG_DEBUG, Status::InvalidArgument,
                "level {} is none of enum ptk_log_level_code", level);
        Log::Sink sink;
        if (fn != nullptr)
            sink = [fn, user_data](LogLevel at, const char* area, const char* message) {
                fn(static_cast<ptk_log_level>(at), area, message, user_data);
            };
        context.log->set(static_cast<LogLevel>(level), std::move(sink));
    });
}

ptk_status ptk_context_devices(const ptk_context* ctx, char* buf, size_t capacity, size_t* needed_out)
{
    return guard("ptk_context_devices", [&] {
        const Session session(*required(ctx, "ctx").context);
        require_text_out(buf, capacity, needed_out);
        auto list = Json::array();
        for (const auto& device : base::usable_devices())
            list.push_back(
                {{"name", device.name}, {"description", device.description}, {"memory_bytes", device.memory_bytes}});
        give_text(json_text(list), buf, capacity, needed_out);
    });
}

ptk_status ptk_context_describe(const ptk_context* ctx, char* buf, size_t capacity, size_t* needed_out)
{
    return guard("ptk_context_describe", [&] {
        const auto& context = *required(ctx, "ctx").context;
        give_text(json_text(describe(context)), buf, capacity, needed_out);
    });
}

ptk_status ptk_config_create(ptk_config** out)
{
    return guard("ptk_config_create", [&] {
        require_out(out);
        give(out, config::Config());
    });
}

ptk_status ptk_config_from_json(ptk_config** out, const char* json)
{
    return guard("ptk_config_from_json", [&] {
        require_out(out);
        give(out, config::Config::from_json(required_text(json, "json")));
    });
}

ptk_status ptk_config_from_yaml(ptk_config** out, const char* yaml)
{
    return guard("ptk_config_from_yaml", [&] {
        require_out(out);
        give(out, config::Config::from_yaml(required_text(yaml, "yaml")));
    });
}

ptk_status ptk_config_load(ptk_config** out, const char* path)
{
    return guard("ptk_config_load", [&] {
        require_out(out);
        give(out, config::Config::load(required_text(path, "path")));
    });
}

void ptk_config_free(ptk_config* config)
{
    release(config);
}

ptk_status ptk_config_set_int(ptk_config* config, const char* key, int64_t value)
{
    return set_value("ptk_config_set_int", config, key, value);
}

ptk_status ptk_config_set_float(ptk_config* config, const char* key, double value)
{
    return set_value("ptk_config_set_float", config, key, value);
}

ptk_status ptk_config_set_bool(ptk_config* config, const char* key, int32_t value)
{
    return set_value("ptk_config_set_bool", config, key, value != 0);
}

ptk_status ptk_config_set_string(ptk_config* config, const char* key, const char* value)
{
    return guard("ptk_config_set_string", [&] {
        auto& values = required(config, "config");
        values.set(required_text(key, "key"), required_text(value, "value"));
    });
}

ptk_status ptk_config_set_pair(ptk_config* config, const char* key, double first, double second)
{
    return guard("ptk_config_set_pair", [&] {
        required(config, "config").set(required_text(key, "key"), Json{first, second});
    });
}

ptk_status ptk_config_set_text(ptk_config* config, const char* key, const char* value)
{
    return guard("ptk_config_set_text", [&] {
        auto& values = required(config, "config");
        values.set_text(required_text(key, "key"), required_text(value, "value"));
    });
}

ptk_status ptk_config_merge(ptk_config* config, const ptk_config* other)
{
    return guard("ptk_config_merge", [&] {
        auto& values = required(config, "config");
        values.merge(required(other, "other"));
    });
}

namespace {

config::Settings settings_of(const ptk_context* ctx, const ptk_config* config, const char* subject)
{
    const auto& context = *required(ctx, "ctx").context;
    const auto given = config == nullptr ? config::Config() : *impl(config);
    return {schema_of(context, required_text(subject, "subject"), given), given};
}

} // namespace

ptk_status ptk_config_check(const ptk_context* ctx, const ptk_config* config, const char* subject)
{
    return guard("ptk_config_check", [&] { settings_of(ctx, config, subject); });
}

ptk_status ptk_config_to_json(const ptk_context* ctx, const ptk_config* config, const char* subject, char* buf,
                              size_t capacity, size_t* needed_out)
{
    return guard("ptk_config_to_json", [&] {
        const auto settings = settings_of(ctx, config, subject);
        give_text(json_text(settings.to_json()), buf, capacity, needed_out);
    });
}

ptk_status ptk_config_schema(const ptk_context* ctx, const char* subject, char* buf, size_t capacity,
                             size_t* needed_out)
{
    return guard("ptk_config_schema", [&] {
        const auto& context = *required(ctx, "ctx").context;
        const std::string name = required_text(subject, "subject");
        const auto schema = name == "library" ? config::library_schema() : schema_of(context, name, {});
        give_text(json_text(schema.to_json()), buf, capacity, needed_out);
    });
}

ptk_status ptk_cancel_create(ptk_cancel** out)
{
    return guard("ptk_cancel_create", [&] {
        require_out(out);
        give(out, CancelHandle());
    });
}

void ptk_cancel_request(ptk_cancel* cancel)
{
    if (cancel != nullptr)
        impl(cancel)->token->request();
}

void ptk_cancel_reset(ptk_cancel* cancel)
{
    if (cancel != nullptr)
        impl(cancel)->token->reset();
}

void ptk_cancel_free(ptk_cancel* cancel)
{
    release(cancel);
}
