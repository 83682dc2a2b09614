"""
Neural ptychography, from diffraction frames to the complex object.

* Arrays are those of C with reversed shape and the same memory: what the C documentation calls `[n, H, W]` is an array of size `(W, H, n)`
  here. So frames are `(x, y, n)`, a probe is `(x, y, mode)`, an object `(x, y)`, and positions are `(2, n)` with `positions[:, i] == [x, y]`.
  Strided arrays are handed over as they are, never copied or transposed.
* A failed call throws a `PtychoKitError` with `status` (a `LibPtychoKit.PTK_ERR_...` constant) and `message`.
* Objects are released by the garbage collector; `close` does it at once, or at the end of the long calls that work with them.
* Calls that only read an object may run in several threads; others need it for themselves, and so does `close` but for long calls.
* A configuration is a `Config`, a `Dict` (nested or with dotted keys), pairs `("training.epochs" => 3, ...)`, or `nothing` for defaults.
* Long calls take a function of the progress first, as a `do` block. It cancels by returning `false`; what it throws comes back unchanged.

The library is found by the environment variable `PTYCHOKIT_LIBRARY` (a path), or as `libptychokit.so.0` where the system looks for libraries.
"""
module PtychoKit

using Logging
include("LibPtychoKit.jl")
using .LibPtychoKit

export LibPtychoKit, PtychoKitError, Context, Config, Cancel, Dataset, Model, Trainer, Reconstructor, Canvas, Progress, Network
export add!, array, build_info, cancel!, check, describe, describe_file, devices, evaluate, export_weights, fit!, forward, forward!, fourier_error,
    generators, history, import_weights, initializers, load_plugin, log_to, parameter_count, predict, predict!, read_patterns!, reconstruct, refine,
    register, registered, reset!, resume!, save, schema, select, set!, set_probe!, side, simulate, write_picture

"A failed call: its status, what went wrong, and as `cause` what a `Network` threw and where, or `nothing`."
struct PtychoKitError <: Exception
    status::Int32
    message::String
    cause::Any
end
PtychoKitError(status, message) = PtychoKitError(status, message, nothing)
status_name(status) = unsafe_string(ptk_status_name(status))
function Base.showerror(io::IO, e::PtychoKitError)
    print(io, "PtychoKitError(", status_name(e.status), "): ", e.message)
    e.cause === nothing && return nothing
    print(io, "\ncaused by: ")
    showerror(io, e.cause...)
end

# What a network threw last in this task, until the error of the call is made of it.
const THROWN = :ptychokit_thrown

function ok(status)
    status == PTK_OK && return nothing
    message = unsafe_string(ptk_last_error_message())
    cause = status == PTK_ERR_CALLBACK && haskey(task_local_storage(), THROWN) ? pop!(task_local_storage(), THROWN) : nothing
    cause === nothing || occursin(first(sprint(showerror, cause[1]), 200), message) || (cause = nothing)
    cause !== nothing && cause[1] isa InterruptException && throw(cause[1])
    throw(PtychoKitError(status, message, cause))
end

# ---- handles ----

abstract type Handle end

for (name, handle) in ((:Context, :ptk_context), (:Config, :ptk_config), (:Cancel, :ptk_cancel), (:Dataset, :ptk_dataset), (:Model, :ptk_model),
                       (:Trainer, :ptk_trainer), (:Reconstructor, :ptk_reconstructor), (:Canvas, :ptk_canvas))
    @eval begin
        mutable struct $name <: Handle
            pointer::Ptr{$handle}
            closed::Bool
            calls::Int  # long calls under way
            lock::Threads.SpinLock
            $name(pointer::Ptr{$handle}) = finalizer(close, new(pointer, false, 0, Threads.SpinLock()))
        end
        release(pointer::Ptr{$handle}) = $(Symbol(handle, :_free))(pointer)
        function Base.unsafe_convert(::Type{Ptr{$handle}}, h::$name)
            isopen(h) || throw(ArgumentError($("the $name is closed")))
            return h.pointer
        end
        Base.cconvert(::Type{Ptr{$handle}}, ::Nothing) = C_NULL
        # What `call` stores in its first argument.
        function made(call, ::Type{$name})
            out = Ref{Ptr{$handle}}(C_NULL)
            ok(call(out))
            return $name(out[])
        end
    end
end

# Change the state of an object; release what it holds when it is closed and no long call needs it any more.
function settle!(change, h::Handle)
    unused = lock(h.lock) do
        change(h)
        h.closed && h.calls == 0 || return oftype(h.pointer, C_NULL)
        pointer, h.pointer = h.pointer, C_NULL
        return pointer
    end
    unused == C_NULL || release(unused)
    return nothing
end
Base.close(h::Handle) = settle!(h -> h.closed = true, h)
Base.isopen(h::Handle) = !h.closed
Base.show(io::IO, h::Handle) = print(io, nameof(typeof(h)), isopen(h) ? "" : " (closed)")

# ---- arrays ----

const DTYPES = Dict{DataType,Int32}(
    UInt8 => PTK_U8, UInt16 => PTK_U16, UInt32 => PTK_U32, UInt64 => PTK_U64, Int8 => PTK_I8, Int16 => PTK_I16, Int32 => PTK_I32,
    Int64 => PTK_I64, Bool => PTK_BOOL, Float32 => PTK_F32, Float64 => PTK_F64, ComplexF32 => PTK_C64, ComplexF64 => PTK_C128)

# A view with the array that it shows, which lives as long as the call that is given it.
struct Viewed{A}
    array::A
    view::Base.RefValue{ptk_view}
end

const InMemory = Union{StridedArray,PermutedDimsArray{<:Any,<:Any,<:Any,<:Any,<:StridedArray}}

function Base.cconvert(::Type{Ptr{ptk_view}}, a::InMemory)
    haskey(DTYPES, eltype(a)) || throw(ArgumentError("arrays of $(eltype(a)) are not supported"))
    n = ndims(a)
    n <= PTK_MAX_NDIM || throw(ArgumentError("an array of $n axes; at most $PTK_MAX_NDIM are supported"))
    shape = ntuple(i -> Int64(i <= n ? size(a, n + 1 - i) : 0), Int(PTK_MAX_NDIM))
    strides = ntuple(i -> Int64(i <= n ? stride(a, n + 1 - i) : 0), Int(PTK_MAX_NDIM))
    view = ptk_view(convert(Ptr{Cvoid}, pointer(a)), DTYPES[eltype(a)], n, PTK_DEVICE_CPU, 0, shape, strides)
    return Viewed(a, Ref(view))
end
Base.cconvert(::Type{Ptr{ptk_view}}, a::AbstractArray) =
    throw(ArgumentError("a $(typeof(a)) is not in memory as it is; collect() it first"))
Base.cconvert(::Type{Ptr{ptk_view}}, ::Nothing) = C_NULL
Base.unsafe_convert(::Type{Ptr{ptk_view}}, v::Viewed) = Base.unsafe_convert(Ptr{ptk_view}, v.view)

# ---- texts ----

# The text of (buf, capacity, needed_out): asked for again when the buffer was too small.
function text(call)
    buffer = Vector{UInt8}(undef, 1 << 14)
    needed = Ref{Csize_t}(0)
    status = call(buffer, length(buffer), needed)
    while status == PTK_ERR_BUFFER_TOO_SMALL && needed[] > length(buffer)
        resize!(buffer, needed[])
        status = call(buffer, length(buffer), needed)
    end
    ok(status)
    return GC.@preserve buffer unsafe_string(pointer(buffer))
end

"JSON: what the library was built from and with."
build_info() = unsafe_string(ptk_build_info())

"Version of the library that is loaded."
function version()
    parts = [Ref{Int32}(0) for _ in 1:3]
    ptk_version(parts...)
    return VersionNumber((Int(p[]) for p in parts)...)
end

# ---- progress ----

"State of a long call. Numbers that are not known are NaN, counts 0."
struct Progress
    phase::String
    epoch::Int64
    epochs::Int64
    step::Int64
    steps::Int64
    loss::Float64
    validation_loss::Float64
    frames_per_second::Float64
    seconds::Float64
end
Progress(p::ptk_progress) = Progress(unsafe_string(p.phase), p.epoch, p.epochs, p.step, p.steps, p.loss, p.validation_loss,
                                     p.frames_per_second, p.seconds)

mutable struct Watch
    f::Any
    failure::Any
    Watch(f) = new(f, nothing)
end

# Nothing may be thrown through the library's frames: it is kept, and thrown when the call is back.
function progress_trampoline(progress::Ptr{ptk_progress}, user_data::Ptr{Cvoid})::Int32
    watch = unsafe_pointer_to_objref(user_data)::Watch
    try
        return watch.f(Progress(unsafe_load(progress))) === false ? 1 : 0
    catch failure
        watch.failure = failure
        return 1
    end
end

# Other threads wait with their garbage collection for this one to come by.
come_by(_) = GC.safepoint()
observed(call, ::Nothing) = Threads.nthreads() > 1 ? observed(call, come_by) : call(C_NULL, C_NULL)
function observed(call, f)
    watch = Watch(f)
    status = GC.@preserve watch call(@cfunction(progress_trampoline, Int32, (Ptr{ptk_progress}, Ptr{Cvoid})), pointer_from_objref(watch))
    watch.failure === nothing || throw(watch.failure)
    return status
end

# A long call whose progress `f` sees, and during which `close` leaves these objects to it.
function watched(call, f, used...)
    handles = filter(h -> h isa Handle, collect(Any, used))
    foreach(h -> settle!(h -> h.calls += 1, h), handles)
    try
        return observed(call, f)
    finally
        foreach(h -> settle!(h -> h.calls -= 1, h), handles)
    end
end

# ---- configuration ----

"""
    Config(pairs...)
    Config(dict)
    Config(json)        text, or the path of a .json, .yaml or .yml file

Option values by dotted name; `nothing` as a value is an option's null. Checked when used, or by `check`.
"""
function Config(values::Pair...)
    config = made(ptk_config_create, Config)
    foreach(p -> set!(config, p.first, p.second), values)
    return config
end
Config(values::AbstractDict) = Config(collect(values)...)
function Config(source::AbstractString)
    any(ending -> endswith(source, ending), (".json", ".yaml", ".yml")) && return made(out -> ptk_config_load(out, source), Config)
    startswith(lstrip(source), '{') && return made(out -> ptk_config_from_json(out, source), Config)
    return made(out -> ptk_config_from_yaml(out, source), Config)
end
Base.cconvert(::Type{Ptr{ptk_config}}, values::AbstractDict) = Config(values)
Base.cconvert(::Type{Ptr{ptk_config}}, values::Tuple{Vararg{Pair}}) = Config(values...)
Base.cconvert(::Type{Ptr{ptk_config}}, value::Pair) = Config(value)

"Set one option."
set!(c::Config, key, value::Bool) = (ok(ptk_config_set_bool(c, String(key), value)); c)
set!(c::Config, key, value::Integer) = (ok(ptk_config_set_int(c, String(key), value)); c)
set!(c::Config, key, value::Real) = (ok(ptk_config_set_float(c, String(key), value)); c)
set!(c::Config, key, value::Union{AbstractString,Symbol}) = (ok(ptk_config_set_string(c, String(key), String(value))); c)
set!(c::Config, key, value::Tuple{Real,Real}) = (ok(ptk_config_set_pair(c, String(key), value[1], value[2])); c)
set!(c::Config, key, ::Nothing) = (ok(ptk_config_set_text(c, String(key), "null")); c)
set!(c::Config, key, values::AbstractDict) = (foreach(p -> set!(c, string(key, '.', p.first), p.second), values); c)

"Set one option from text, read as the option's type; for command lines."
set_text!(c::Config, key, value) = (ok(ptk_config_set_text(c, key, value)); c)

"Take over the values of another configuration; they win."
Base.merge!(c::Config, other) = (ok(ptk_config_merge(c, other)); c)

# ---- cancellation ----

"A flag that stops long calls, from any thread."
Cancel() = made(ptk_cancel_create, Cancel)
"Raise the flag."
cancel!(c::Cancel) = ptk_cancel_request(c)
"Lower the flag, to use it again."
reset!(c::Cancel) = ptk_cancel_reset(c)

# ---- context ----

"Device (\"cpu\", \"cuda\", \"cuda:1\", \"auto\"), log, generators and general settings."
Context(device::AbstractString="cpu"; config=nothing) = made(out -> ptk_context_create(out, device, config), Context)

"JSON: the devices that can be used now."
devices(c::Context) = text((room...) -> ptk_context_devices(c, room...))
describe(c::Context) = text((room...) -> ptk_context_describe(c, room...))
"JSON: the generators that there are, or one with its options."
generators(c::Context) = text((room...) -> ptk_generator_list(c, room...))
generators(c::Context, name) = text((room...) -> ptk_generator_describe(c, name, room...))
"Load a shared library with generators, or allow a TorchScript program that a model was trained with. It is executed."
load_plugin(c::Context, path) = ok(ptk_plugin_load(c, path))
"JSON: the ways to draw first weights, for the option generator.initializer."
initializers(c::Context) = text((room...) -> ptk_initializer_list(c, room...))
"JSON: what is registered under a category (\"losses\", \"optimizers\" ...; \"categories\"), or one of it with its options."
registered(c::Context, category="categories") = text((room...) -> ptk_registry_list(c, category, room...))
registered(c::Context, category, name) = text((room...) -> ptk_registry_describe(c, category, name, room...))
"JSON: the options that there are."
schema(c::Context, subject="library") = text((room...) -> ptk_config_schema(c, subject, room...))
"Check a configuration now; an unknown option throws and names the nearest."
check(c::Context, config, subject="library") = ok(ptk_config_check(c, config, subject))
"JSON: effective values of a configuration, defaults included."
describe(c::Context, config, subject="library") = text((room...) -> ptk_config_to_json(c, config, subject, room...))
"JSON: what is in a file."
describe_file(c::Context, path; config=nothing) = text((room...) -> ptk_file_describe(c, path, config, room...))

const LEVELS = Dict(PTK_LOG_ERROR => Logging.Error, PTK_LOG_WARN => Logging.Warn, PTK_LOG_INFO => Logging.Info, PTK_LOG_DEBUG => Logging.Debug)
# Objects may log after their context is gone, so what was ever set stays.
const LOGS = Any[]

function log_trampoline(level::Int32, area::Ptr{UInt8}, message::Ptr{UInt8}, user_data::Ptr{Cvoid})::Cvoid
    watch = unsafe_pointer_to_objref(user_data)::Watch
    try
        watch.f(get(LEVELS, level, Logging.Info), unsafe_string(area), unsafe_string(message))
    catch failure
        watch.failure = failure
    end
    return nothing
end

"""
    log_to(f, context, level=Logging.Info)
    log_to(context, level=Logging.Info)      to the current logger
    log_to(nothing, context)                 to nowhere, as at first

Send messages to `f(level, area, message)`, which runs on the thread of the call that logs.
"""
function log_to(f, c::Context, level=Logging.Info)
    watch = Watch(f)
    push!(LOGS, watch)
    least = maximum(code for (code, there) in LEVELS if there >= level)
    ok(ptk_context_set_log(c, least, @cfunction(log_trampoline, Cvoid, (Int32, Ptr{UInt8}, Ptr{UInt8}, Ptr{Cvoid})), pointer_from_objref(watch)))
end
log_to(c::Context, level=Logging.Info) = log_to((at, area, message) -> @logmsg(at, message, area=area), c, level)
log_to(::Nothing, c::Context) = ok(ptk_context_set_log(c, PTK_LOG_ERROR, C_NULL, C_NULL))

"Intensities `(N, N, n)` of patches `(N, N, n)` seen through a probe `(N, N[, modes])`."
forward(c::Context, patches, probe) = forward!(Array{Float32}(undef, size(patches)), c, patches, probe)
"`forward` into an array of Float32 or Float64."
forward!(intensity, c::Context, patches, probe) = (ok(ptk_forward(c, patches, probe, intensity)); intensity)

# ---- arrays by name ----

const ARRAY_TYPES = Dict("patterns" => Float32, "positions" => Float64, "probe" => ComplexF32, "object" => ComplexF32,
                         "bad_pixels" => Bool, "coverage" => Float32, "fourier_errors" => Float64, "held_out_fourier_errors" => Float64)
const NAMED = Dict("U8" => UInt8, "U16" => UInt16, "U32" => UInt32, "U64" => UInt64, "I8" => Int8, "I16" => Int16, "I32" => Int32,
                   "I64" => Int64, "BOOL" => Bool, "F32" => Float32, "F64" => Float64, "C64" => ComplexF32, "C128" => ComplexF64)

for (name, handle) in ((:Dataset, :ptk_dataset), (:Model, :ptk_model), (:Canvas, :ptk_canvas))
    @eval begin
        function Base.size(h::$name, name::AbstractString)
            shape = Vector{Int64}(undef, PTK_MAX_NDIM)
            ndim = Ref{Int32}(0)
            ok($(Symbol(handle, :_shape))(h, name, shape, length(shape), ndim))
            return Tuple(Int.(shape[ndim[]:-1:1]))
        end
        Base.read!(h::$name, name::AbstractString, a::AbstractArray) = (ok($(Symbol(handle, :_read))(h, name, a)); a)
        describe(h::$name) = text((room...) -> $(Symbol(handle, :_describe))(h, room...))
    end
end

"An array of a dataset, model or canvas by its name; `T` is the type that it is converted to."
array(h::Handle, name, ::Type{T}=eltype_of(h, name)) where {T} = read!(h, name, Array{T}(undef, size(h, name)))
eltype_of(::Handle, name) = get(ARRAY_TYPES, name, Float64)
function eltype_of(m::Model, name)
    for entry in eachmatch(r"\{[^{}]*\}", arrays(m))
        occursin(Regex("\"name\"\\s*:\\s*\"\\Q$name\\E\""), entry.match) || continue
        return NAMED[match(r"\"dtype\"\s*:\s*\"(\w+)\"", entry.match)[1]]
    end
    return Float32  # there is no such array: read! says so
end

# ---- datasets ----

"""
    Dataset(context, path; config)
    Dataset(context, patterns, positions; probe, object, config)

A scan from a file or folder, told apart by content (PtychoPINN's NPZ, CXI, ptychodus, PtyPy, HDF5 with its paths in `config`), or from
arrays, which are copied: `(N, N, n)`, `(2, n)`, `(N, N[, modes])`, `(W, H)`.
"""
Dataset(c::Context, path::AbstractString; config=nothing) = made(out -> ptk_dataset_open(out, c, path, config), Dataset)
Dataset(c::Context, patterns::AbstractArray, positions::AbstractArray; probe=nothing, object=nothing, config=nothing) =
    made(out -> ptk_dataset_from_arrays(out, c, patterns, positions, probe, object, config), Dataset)
"An experiment after the simulation.* options and the seed, with the object, probe and positions that made it."
simulate(f, c::Context; config=nothing, cancel=nothing) =
    made(out -> watched((fn, data) -> ptk_simulate(out, c, config, cancel, fn, data), f, c, config, cancel), Dataset)
simulate(c::Context; config=nothing, cancel=nothing) = simulate(nothing, c; config=config, cancel=cancel)
"Save a dataset as \"npz\", \"cxi\", \"ptychodus\" (a new folder), or \"auto\": by the suffix."
save(d::Dataset, path; format="auto") = ok(ptk_dataset_save(d, path, format))
"The part inside fractions `(low, high)` of the range of the positions."
select(d::Dataset, x=(0, 1), y=(0, 1)) = made(out -> ptk_dataset_select(out, d, x[1], x[2], y[1], y[2]), Dataset)
Base.length(d::Dataset) = Int(ptk_dataset_size(d))
"Side N of the frames."
side(d::Dataset) = Int(ptk_dataset_side(d))
"Fill `(N, N, k)` with the frames from number `first` on, counted from 1."
read_patterns!(d::Dataset, first, a) = (ok(ptk_dataset_read_patterns(d, first - 1, a)); a)

# ---- models and training ----

"""
    Model(context, side; config)     fresh weights
    Model(context, path)             from a bundle
"""
Model(c::Context, n::Integer; config=nothing) = made(out -> ptk_model_create(out, c, n, config), Model)
Model(c::Context, path::AbstractString) = made(out -> ptk_model_load(out, c, path), Model)
"""
    import_weights(context, path; side=0, config)

A model of weights from Python: .pth, .pt, .ckpt, wts.h5.zip, .safetensors or .npz; side 0 = as the file tells.
"""
import_weights(c::Context, path; side=0, config=nothing) = made(out -> ptk_model_import(out, c, path, side, config), Model)
"Write the weights to .safetensors or .npz, by the names of the reference's state dict."
export_weights(m::Model, path) = ok(ptk_model_export(m, path))
"Save a model or a canvas as one HDF5 file."
save(m::Model, path) = ok(ptk_model_save(m, path))
"Number of trainable numbers."
parameter_count(m::Model) = Int(ptk_model_parameter_count(m))
side(m::Model) = Int(ptk_model_side(m))
"JSON: the course of the training."
history(m::Model) = text((room...) -> ptk_model_history(m, room...))
"JSON: the arrays that `array` knows."
arrays(m::Model) = text((room...) -> ptk_model_arrays(m, room...))
"Give a model another probe."
set_probe!(m::Model, probe) = (ok(ptk_model_set_probe(m, probe)); m)
"Draw \"history\", \"probe\" of a model; \"amplitude\", \"phase\", \"coverage\", \"probe\", \"errors\" of a canvas; as PNG."
write_picture(m::Model, picture, path) = ok(ptk_model_write_picture(m, picture, path))

"Trains a model; files go to `run_folder` when there is one."
Trainer(m::Model; config=nothing, run_folder=nothing) =
    made(out -> ptk_trainer_create(out, m, config, run_folder === nothing ? C_NULL : String(run_folder)), Trainer)
"Train; blocks until done, cancelled or failed."
fit!(f, t::Trainer, d::Dataset; cancel=nothing) =
    (ok(watched((fn, data) -> ptk_trainer_fit(t, d, cancel, fn, data), f, t, d, cancel)); t)
fit!(t::Trainer, d::Dataset; cancel=nothing) = fit!(nothing, t, d; cancel=cancel)
"Continue from a checkpoint; before `fit!`."
resume!(t::Trainer, path) = (ok(ptk_trainer_resume(t, path)); t)

# ---- reconstruction ----

"Reconstructs with a model, or without one by iteration alone (`refine`)."
Reconstructor(c::Context, m::Union{Model,Nothing}=nothing; config=nothing) =
    made(out -> ptk_reconstructor_create(out, c, m, config), Reconstructor)
"Patches `(N, N[, G], B)` of single frames or groups of them, without stitching, at positions `(2[, G], B)`."
predict(r::Reconstructor, patterns, positions=nothing) = predict!(Array{ComplexF32}(undef, size(patterns)), r, patterns, positions)
"`predict` into an array of complex numbers, of the patterns' size."
predict!(patches, r::Reconstructor, patterns, positions=nothing) =
    (ok(ptk_reconstructor_predict(r, patterns, positions, patches)); patches)
"Predict the whole scan and stitch."
reconstruct(f, r::Reconstructor, d::Dataset; cancel=nothing) =
    made(out -> watched((fn, data) -> ptk_reconstructor_reconstruct(out, r, d, cancel, fn, data), f, r, d, cancel), Canvas)
reconstruct(r::Reconstructor, d::Dataset; cancel=nothing) = reconstruct(nothing, r, d; cancel=cancel)
"Iterate object and probe on the frames, from a canvas or from a flat object."
refine(f, r::Reconstructor, d::Dataset, start=nothing; cancel=nothing) =
    made(out -> watched((fn, data) -> ptk_reconstructor_refine(out, r, d, start, cancel, fn, data), f, r, d, start, cancel), Canvas)
refine(r::Reconstructor, d::Dataset, start=nothing; cancel=nothing) = refine(nothing, r, d, start; cancel=cancel)

"""
    Canvas(context, height, width; origin=(x, y), config)    empty, for add!
    Canvas(context, positions, side; config)                 empty, holds all patches at these positions
    Canvas(context, path)                                    from a file of save()
"""
Canvas(c::Context, height::Integer, width::Integer; origin=(0, 0), config=nothing) =
    made(out -> ptk_canvas_create(out, c, height, width, origin[1], origin[2], config), Canvas)
Canvas(c::Context, positions::AbstractArray, side::Integer; config=nothing) =
    made(out -> ptk_canvas_create_around(out, c, positions, side, config), Canvas)
Canvas(c::Context, path::AbstractString) = made(out -> ptk_canvas_load(out, c, path), Canvas)
"Add patches `(n, n, k)` at positions `(2, k)`."
add!(c::Canvas, patches, positions; weights=nothing) = (ok(ptk_canvas_add(c, patches, positions, weights)); c)
save(c::Canvas, path) = ok(ptk_canvas_save(c, path))
write_picture(c::Canvas, picture, path) = ok(ptk_canvas_write_picture(c, picture, path))

# ---- evaluation ----

"JSON: scores against a known object, an array `(W, H)` or a file."
evaluate(c::Canvas, reference::AbstractArray; config=nothing) = text((room...) -> ptk_evaluate(c, reference, config, room...))
evaluate(c::Canvas, path::AbstractString; config=nothing) = text((room...) -> ptk_evaluate_file(c, path, config, room...))
"Relative Fourier error against the frames; 0 is perfect."
function fourier_error(f, c::Canvas, d::Dataset; cancel=nothing)
    error = Ref{Float64}(NaN)
    ok(watched((fn, data) -> ptk_fourier_error(error, c, d, cancel, fn, data), f, c, d, cancel))
    return error[]
end
fourier_error(c::Canvas, d::Dataset; cancel=nothing) = fourier_error(nothing, c, d; cancel=cancel)

include("network.jl")

end
