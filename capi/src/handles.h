// What the opaque handles stand for. Their C structs are never defined: a handle is a pointer to its core object here.
#pragma once
#include "base/log.h"
#include "base/progress.h"
#include "config/config.h"
#include "data/scan.h"
#include "generators/all.h"
#include "model/model.h"
#include "reconstruction/canvas.h"
#include "reconstruction/result.h"
#include "training/trainer.h"

#include <ptychokit/ptychokit.h>

#include <memory>
#include <optional>
#include <type_traits>

namespace ptk::capi {

/// Shared by everything made from a context, so that handles can be released in any order.
struct Context {
    c10::Device device = c10::kCPU;
    LogPtr log = std::make_shared<Log>();
    /// What generator 'torchscript' may run.
    std::shared_ptr<generators::Programs> programs = std::make_shared<generators::Programs>();
    /// Locks itself: plug-ins add to it while others use it.
    mutable generators::GeneratorRegistry registry = generators::builtin_generators(programs);
    config::Config general{}; ///< what later calls inherit: seed, deterministic, compat as given
    config::Settings settings{};
};
using ContextPtr = std::shared_ptr<const Context>;

struct ContextHandle {
    ContextPtr context;
};

struct CancelHandle {
    std::shared_ptr<CancelToken> token = std::make_shared<CancelToken>();
};

struct DatasetHandle {
    ContextPtr context;
    std::shared_ptr<const data::Scan> scan;
};

struct ModelHandle {
    ContextPtr context;
    std::shared_ptr<model::Model> model;
};

struct TrainerHandle {
    ContextPtr context;
    std::unique_ptr<training::Trainer> trainer;
};

struct ReconstructorHandle {
    ContextPtr context;
    std::shared_ptr<model::Model> model; ///< null for refinement only
    config::Settings settings;
};

/// An open canvas takes patches; its result is made when it is asked for. A finished one holds its result.
struct CanvasHandle {
    ContextPtr context;
    config::Settings settings;
    std::optional<reconstruction::Canvas> sums{};
    reconstruction::Result finished{};

    reconstruction::Result result() const;
};

template <class Handle> struct Impl;
template <> struct Impl<ptk_context> : std::type_identity<ContextHandle> {
};
template <> struct Impl<ptk_config> : std::type_identity<config::Config> {
};
template <> struct Impl<ptk_cancel> : std::type_identity<CancelHandle> {
};
template <> struct Impl<ptk_dataset> : std::type_identity<DatasetHandle> {
};
template <> struct Impl<ptk_model> : std::type_identity<ModelHandle> {
};
template <> struct Impl<ptk_trainer> : std::type_identity<TrainerHandle> {
};
template <> struct Impl<ptk_reconstructor> : std::type_identity<ReconstructorHandle> {
};
template <> struct Impl<ptk_canvas> : std::type_identity<CanvasHandle> {
};

/// The core object of a handle; null for null.
template <class Handle> auto* impl(Handle* handle) noexcept
{
    using Core = typename Impl<std::remove_const_t<Handle>>::type;
    if constexpr (std::is_const_v<Handle>)
        return reinterpret_cast<const Core*>(handle);
    else
        return reinterpret_cast<Core*>(handle);
}

/// The core object of a handle that must be there.
template <class Handle> auto& required(Handle* handle, const char* name)
{
    require(handle != nullptr, Status::InvalidArgument, "{} is NULL", name);
    return *impl(handle);
}

inline const char* required_text(const char* text, const char* name)
{
    require(text != nullptr, Status::InvalidArgument, "{} is NULL", name);
    return text;
}

/// First statement of every call with a handle as output.
template <class Handle> void require_out(Handle** out)
{
    require(out != nullptr, Status::InvalidArgument, "out is NULL");
    *out = nullptr;
}

/// Last statement of every call with a handle as output.
template <class Handle> void give(Handle** out, typename Impl<Handle>::type core)
{
    *out = reinterpret_cast<Handle*>(new typename Impl<Handle>::type(std::move(core)));
}

template <class Handle> void release(Handle* handle) noexcept
{
    delete impl(handle);
}

/// What a call's configuration comes to: the context's general values, overridden by those given.
config::Config merged(const Context& context, const ptk_config* given);
/// The same, checked against the library and the generator that it names.
config::Settings resolved(const Context& context, const ptk_config* given);

} // namespace ptk::capi
