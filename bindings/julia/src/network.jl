# Generators written in Julia: a type becomes the table of functions of ptychokit/plugin.h.

"""
    Network

A generator in Julia. Derive a type from it and give it to `register`; one is made for every model, by `T(channels, side, options)` with the
values of its options as JSON text. It has these methods, whose arrays are valid during the call only:

    PtychoKit.parameters(network)                          pairs name => size, in order; the library trains and stores them
    PtychoKit.initialise(network, name, size, seed)        first values, the same for the same seed
    PtychoKit.forward(network, weights, amplitudes)        images (N, N, C, 2, batch) of amplitudes (N, N, C, batch)
    PtychoKit.vjp(network, weights, amplitudes, gradient)  gradients of sum(gradient .* images) by name; without it the generator only predicts

Numbers are Float32; amplitudes are square roots of counts scaled to order one; `weights` is a `Dict` of arrays by name, to be read only. Methods
are called one at a time for each network, on the thread of the call that needs them, and when a model is released on that of the garbage
collector. What they throw becomes the `cause` of the `PtychoKitError` of that call; a `PtychoKitError` keeps its status, an
`InterruptException` comes back as it is.
"""
abstract type Network end
function parameters end
function initialise end
function vjp end

# ---- what C holds ----

# A ring of what C has a pointer to. Nothing is allocated while it is locked: a finalizer that runs then would wait for ever.
mutable struct Kept
    value::Any
    before::Kept
    after::Kept
    Kept(value) = (kept = new(value); kept.before = kept.after = kept)
    Kept(value, before, after) = new(value, before, after)
end
const KEPT = Kept(nothing)
const KEPT_LOCK = Threads.SpinLock()

function keep(value)
    kept = Kept(value, KEPT, KEPT)
    lock(KEPT_LOCK)
    kept.after = KEPT.after
    KEPT.after.before = kept
    KEPT.after = kept
    unlock(KEPT_LOCK)
    return pointer_from_objref(kept)
end
kept(pointer) = (unsafe_pointer_to_objref(pointer)::Kept).value
function forget(pointer::Ptr{Cvoid})::Cvoid
    kept = unsafe_pointer_to_objref(pointer)::Kept
    lock(KEPT_LOCK)
    kept.before.after = kept.after
    kept.after.before = kept.before
    unlock(KEPT_LOCK)
    return nothing
end

# A network with what C asks of it. C reads the names where they are.
struct Made
    network::Network
    pixels::Dims{3}
    names::Vector{String}
    sizes::Vector{Tuple{Vararg{Int}}}
end
function Made(network, channels, side)
    declared = [String(name) => Tuple{Vararg{Int}}(size) for (name, size) in parameters(network)]
    return Made(network, (side, side, channels), first.(declared), last.(declared))
end

# ---- the functions of the table ----

# Nothing may be thrown through the library's frames.
function guarded(work)::Int32
    try
        work()
        return PTK_OK
    catch failure
        task_local_storage(THROWN, (failure, catch_backtrace()))
        ptk_set_error_message(failure isa PtychoKitError ? failure.message : sprint(showerror, failure))
        return failure isa PtychoKitError ? failure.status : PTK_ERR_CALLBACK
    end
end

shown(pointer, size) = unsafe_wrap(Array, convert(Ptr{Float32}, pointer), size)
weights(made, pointers) =
    Dict{String,Array{Float32}}(name => shown(unsafe_load(pointers, i), size) for (i, (name, size)) in enumerate(zip(made.names, made.sizes)))
function fill_in(pointer, size, values, what)
    Base.size(values) == size || throw(DimensionMismatch("$what: expected size $size, found $(Base.size(values))"))
    copyto!(shown(pointer, size), values)
end

network_create(self_out::Ptr{Ptr{Cvoid}}, problem::Ptr{ptk_generator_problem}, user_data::Ptr{Cvoid})::Int32 = guarded() do
    given = unsafe_load(problem)
    channels, side = Int(given.channels), Int(given.side)
    unsafe_store!(self_out, keep(Made(kept(user_data)(channels, side, unsafe_string(given.options)), channels, side)))
end
network_count(self::Ptr{Cvoid})::Int64 = length((kept(self)::Made).names)
network_parameter(self::Ptr{Cvoid}, index::Int64, out::Ptr{ptk_generator_parameter})::Int32 = guarded() do
    made = kept(self)::Made
    size = reverse(made.sizes[index+1])
    shape = ntuple(i -> Int64(i <= length(size) ? size[i] : 0), Int(PTK_MAX_NDIM))
    unsafe_store!(out, ptk_generator_parameter(sizeof(ptk_generator_parameter), pointer(made.names[index+1]), length(size), shape))
end
network_initialise(self::Ptr{Cvoid}, index::Int64, seed::UInt64, values::Ptr{Float32})::Int32 = guarded() do
    made = kept(self)::Made
    name, size = made.names[index+1], made.sizes[index+1]
    fill_in(values, size, initialise(made.network, name, size, seed), "initialise of '$name'")
end
network_forward(self::Ptr{Cvoid}, parameters::Ptr{Ptr{Float32}}, batch::Int64, amplitudes::Ptr{Float32}, images::Ptr{Float32})::Int32 =
    guarded() do
        made = kept(self)::Made
        answer = forward(made.network, weights(made, parameters), shown(amplitudes, (made.pixels..., Int(batch))))
        fill_in(images, (made.pixels..., 2, Int(batch)), answer, "forward")
    end
network_vjp(self::Ptr{Cvoid}, parameters::Ptr{Ptr{Float32}}, batch::Int64, amplitudes::Ptr{Float32}, gradient::Ptr{Float32},
            gradients::Ptr{Ptr{Float32}})::Int32 = guarded() do
    made = kept(self)::Made
    answer = vjp(made.network, weights(made, parameters), shown(amplitudes, (made.pixels..., Int(batch))),
                 shown(gradient, (made.pixels..., 2, Int(batch))))
    for (i, (name, size)) in enumerate(zip(made.names, made.sizes))
        fill_in(unsafe_load(gradients, i), size, answer[name], "vjp, gradient of '$name'")
    end
end

# ---- registration ----

const OUTPUTS = Dict(:real_imag => PTK_OUTPUT_REAL_IMAG, :amp_phase => PTK_OUTPUT_AMP_PHASE, :amp_phase_logits => PTK_OUTPUT_AMP_PHASE_LOGITS)
has_vjp(::Type{T}) where {T} = hasmethod(vjp, Tuple{T,Dict{String,Array{Float32}},Array{Float32,4},Array{Float32,5}})

"""
    register(context, name, T; summary, source, output=:real_imag, options="[]")

Add a generator of your own, a type `T <: Network`. Its images are `:real_imag`, `:amp_phase` (rad) or `:amp_phase_logits`; its options are JSON
as `schema` gives them, `[{"name": "width", "type": "int", "default": 8, "meaning": "channels"}]`.
"""
function register(c::Context, name, ::Type{T}; summary="a network in Julia", source="", output=:real_imag, options="[]") where {T<:Network}
    haskey(OUTPUTS, output) || throw(ArgumentError("output $output; expected one of $(join(sort!(collect(keys(OUTPUTS))), ", "))"))
    texts = map(String, (name, summary, source, options))
    any(text -> '\0' in text, texts) && throw(ArgumentError("a text of generator $(repr(name)) has a zero in it"))
    user_data = keep(T)
    status = GC.@preserve texts ptk_generator_register(c, Ref(ptk_generator_table(
        sizeof(ptk_generator_table), PTK_PLUGIN_ABI, OUTPUTS[output], map(pointer, texts)..., user_data,
        @cfunction(network_create, Int32, (Ptr{Ptr{Cvoid}}, Ptr{ptk_generator_problem}, Ptr{Cvoid})),
        @cfunction(forget, Cvoid, (Ptr{Cvoid},)),
        @cfunction(network_count, Int64, (Ptr{Cvoid},)),
        @cfunction(network_parameter, Int32, (Ptr{Cvoid}, Int64, Ptr{ptk_generator_parameter})),
        @cfunction(network_initialise, Int32, (Ptr{Cvoid}, Int64, UInt64, Ptr{Float32})),
        @cfunction(network_forward, Int32, (Ptr{Cvoid}, Ptr{Ptr{Float32}}, Int64, Ptr{Float32}, Ptr{Float32})),
        has_vjp(T) ? @cfunction(network_vjp, Int32, (Ptr{Cvoid}, Ptr{Ptr{Float32}}, Int64, Ptr{Float32}, Ptr{Float32}, Ptr{Ptr{Float32}})) : C_NULL,
        @cfunction(forget, Cvoid, (Ptr{Cvoid},)))))
    status == PTK_OK || forget(user_data)
    return ok(status)
end

__init__() = forget(keep(nothing))  # compiled before a finalizer needs it
