# Every function of the interface through the Julia layer, on a small synthetic scan. PTYCHOKIT_SCAN names the example scan when it is there.
using PtychoKit, Test, Logging
const Lib = LibPtychoKit

const N, ROWS = 16, 6
const QUICK = Dict("generator" => Dict("width" => 4, "depth" => 1), "training" => Dict("epochs" => 2, "batch_size" => 4,
    "validation_fraction" => 0.1), "scan.group_size" => 4, "probe" => Dict("modes" => 1, "warm_epochs" => 1), "refinement.epochs" => 3,
    "data.measurement" => "counts", "reconstruction.batch_size" => 4)

# A known object seen by a probe at 6 x 6 positions. First index x, second y.
phase(x, y) = 0.8 * sin(0.35y) * cos(0.27x)
const OBJECT = ComplexF32[(1 - 0.2phase(x, y)) * cis(phase(x, y)) for x in 0:39, y in 0:39]
const SHAPE = ComplexF32[exp(-(x^2 + y^2) / 18) * cis(0.05 * (x^2 + y^2)) for x in -8:7, y in -8:7]
const PROBE = Float32(sqrt(1e4 / sum(abs2, SHAPE))) * SHAPE
const CORNERS = [(1 + 4i, 1 + 4j) for j in 0:ROWS-1 for i in 0:ROWS-1]
const POSITIONS = Float64[c[k] + N ÷ 2 for k in 1:2, c in CORNERS]
const PATCHES = cat((OBJECT[x+1:x+N, y+1:y+N] for (x, y) in CORNERS)...; dims=3)

function failure(f)
    try
        f()
    catch e
        return e
    end
    error("nothing was thrown")
end
function fails(f, status, part)
    e = failure(f)
    return e isa PtychoKitError && e.status == status && occursin(part, e.message)
end

@testset "library" begin
    @test occursin(string(PtychoKit.version()), build_info())
    @test Lib.ptk_dtype_size(Lib.PTK_C128) == 16
    @test PtychoKit.status_name(Lib.PTK_ERR_SHAPE) == "PTK_ERR_SHAPE"
end

@testset "arrays" begin
    a = zeros(Float32, 3, 2)
    viewed = Base.cconvert(Ptr{Lib.ptk_view}, a)
    made = Ref{Lib.ptk_view}(viewed.view[])
    @test Lib.ptk_view_init(made, a, Lib.PTK_F32, 2, Int64[2, 3]) == Lib.PTK_OK
    @test made[] == viewed.view[]
    @test viewed.view[].strides[1:2] == (3, 1)
    gaps = Base.cconvert(Ptr{Lib.ptk_view}, view(zeros(Float64, 8, 6), 1:2:8, 2:3))
    @test gaps.view[].shape[1:2] == (2, 4) && gaps.view[].strides[1:2] == (8, 2)
    @test_throws ArgumentError Base.cconvert(Ptr{Lib.ptk_view}, ["text"])
    @test_throws ArgumentError Base.cconvert(Ptr{Lib.ptk_view}, 1:3)
    # A DLPack 1 tensor, laid out by hand: version, manager, deleter, flags, data, device, ndim, type, shape, strides, offset.
    shape = Int64[2, 3]
    GC.@preserve a shape begin
        tensor = Ref((UInt32(1), UInt32(0), C_NULL, C_NULL, UInt64(0), Ptr{Cvoid}(pointer(a)), Int32(1), Int32(0), Int32(2), UInt8(2),
                      UInt8(32), UInt16(1), Ptr{Cvoid}(pointer(shape)), C_NULL, UInt64(0)))
        GC.@preserve tensor @test Lib.ptk_view_from_dlpack(made, Base.unsafe_convert(Ptr{Cvoid}, Base.cconvert(Ptr{Cvoid}, tensor))) == Lib.PTK_OK
    end
    @test made[].data == pointer(a) && made[].shape[1:2] == (2, 3) && made[].dtype == Lib.PTK_F32
end

@testset "configuration" begin
    context = Context()
    config = Config("training.epochs" => 7, "seed" => 2^40, "training.learning_rate" => 0.25, "deterministic" => true,
                    "data.measurement" => "counts", "data.x_bounds" => (0.25, 0.75))
    PtychoKit.set_text!(config, "training.batch_size", "3")
    check(context, config)
    json = describe(context, config)
    for part in ("1099511627776", r"\"epochs\":\s*7", r"\"batch_size\":\s*3", "0.75", "counts")
        @test occursin(part, json)
    end
    merge!(config, Config("training:\n  epochs: 9"))
    @test occursin(r"\"epochs\":\s*9", describe(context, config))
    @test occursin(r"\"epochs\":\s*4", describe(context, Config("{\"training\": {\"epochs\": 4}}")))
    path = joinpath(mktempdir(), "options.json")
    write(path, "{\"training.epochs\": 11}")
    @test occursin(r"\"epochs\":\s*11", describe(context, Config(path)))
    @test fails(() -> check(context, "training.epoch" => 3), Lib.PTK_ERR_INVALID_CONFIG, "training.epochs")
    @test Lib.ptk_last_error() == Lib.PTK_ERR_INVALID_CONFIG
    @test occursin("\"cpu\"", devices(context)) && occursin("\"cpu\"", describe(context))
    @test occursin("physics_unet", generators(context)) && occursin("\"options\"", generators(context, "cnn"))
    @test occursin("training.epochs", schema(context, "training"))
    load_plugin(context, joinpath(dirname(dirname(ENV["PTYCHOKIT_SCAN"])), "plugins", "net.pt"))
    @test fails(() -> load_plugin(context, "/none.so"), Lib.PTK_ERR_IO, "none.so")
end

@testset "work" begin
    messages = String[]
    context = Context("cpu"; config=QUICK)
    log_to((level, area, message) -> push!(messages, message), context, Logging.Debug)
    patterns = forward(context, PATCHES, PROBE)
    @test size(patterns) == (N, N, 36)
    dataset = Dataset(context, patterns, POSITIONS; probe=PROBE, object=OBJECT, config=QUICK)
    @test length(dataset) == 36 && side(dataset) == N
    @test size(dataset, "positions") == (2, 36)
    @test array(dataset, "positions") == POSITIONS
    @test array(dataset, "patterns") == patterns
    @test array(dataset, "object") == OBJECT
    @test read_patterns!(dataset, 2, zeros(Float32, N, N, 3)) == patterns[:, :, 2:4]
    @test length(select(dataset, (0, 0.5))) == 18
    @test occursin("counts", describe(Dataset(context, round.(UInt16, patterns), POSITIONS; config=QUICK)))
    turned = permutedims(patterns, (2, 1, 3))
    @test array(Dataset(context, PermutedDimsArray(turned, (2, 1, 3)), POSITIONS; config=QUICK), "patterns") == patterns
    intensity = zeros(Float32, N, N, 36)
    @test forward!(intensity, context, PATCHES, PROBE) === intensity && intensity == patterns

    folder = mktempdir()
    at(name) = joinpath(folder, name)
    model = Model(context, N; config=QUICK)
    @test side(model) == N && parameter_count(model) > 100
    seen = Progress[]
    fit!(p -> push!(seen, p), Trainer(model; config=QUICK, run_folder=at("run")), dataset)
    @test any(p -> p.phase == "train" && isfinite(p.loss), seen) && seen[end].seconds > 0
    @test !isempty(messages)
    log_to(nothing, context)
    resume!(Trainer(model; config=QUICK), at("run/last.ptk"))
    calls = 0
    @test fails(Lib.PTK_ERR_CANCELLED, "ancel") do
        fit!(p -> (calls += 1) < 2, Trainer(model; config=QUICK), dataset)
    end
    @test calls == 2
    @test failure(() -> fit!(p -> throw(KeyError("mine")), Trainer(model; config=QUICK), dataset)) == KeyError("mine")
    @test fails(Lib.PTK_ERR_CALLBACK, "from the callback") do
        fit!(p -> (Lib.ptk_set_error_message("from the callback"); false), Trainer(model; config=QUICK), dataset)
    end
    cancel = Cancel()
    cancel!(cancel)
    @test fails(() -> fit!(Trainer(model; config=QUICK), dataset; cancel=cancel), Lib.PTK_ERR_CANCELLED, "ancel")
    reset!(cancel)
    fit!(Trainer(model; config=QUICK), dataset; cancel=cancel)

    @test occursin("physics_unet", describe(model)) && occursin("training_loss", history(model))
    @test size(array(model, "probe")) == (N, N, 1)
    save(model, at("model.ptk"))
    loaded = Model(context, at("model.ptk"))
    @test occursin("orthogonal", initializers(context))
    @test occursin("\"losses\"", registered(context)) && occursin("tv_phase", registered(context, "regularizers"))
    @test occursin("training.huber_delta", registered(context, "losses", "huber"))
    export_weights(model, at("weights.npz"))
    @test parameter_count(import_weights(context, at("weights.npz"); side=N)) == parameter_count(model)
    write_picture(loaded, "history", at("history.png"))
    name = match(r"\"name\":\s*\"([^\"]*weight)\"", PtychoKit.arrays(model))[1]
    @test array(loaded, name) == array(model, name) && eltype(array(model, name)) == Float32
    @test array(set_probe!(loaded, 2PROBE), "probe")[:, :, 1] == 2PROBE

    worker = Reconstructor(context, model; config=QUICK)
    groups = reshape(patterns[:, :, 1:8], N, N, 4, 2)
    places = reshape(POSITIONS[:, 1:8], 2, 4, 2)
    predicted = predict(worker, groups, places)
    @test maximum(abs, predicted) > 0
    room = zeros(ComplexF32, N, N, 4, 2)
    @test predict!(room, worker, groups, places) === room && room == predicted
    canvas = reconstruct(worker, dataset)
    refined = refine(worker, dataset, canvas)
    @test 0 < fourier_error(refined, dataset) < fourier_error(canvas, dataset)
    @test occursin("finished", describe(refined))
    @test occursin("complex_nrmse", evaluate(refined, OBJECT))
    @test maximum(array(refined, "coverage")) > 0
    @test array(refined, "fourier_errors")[end] < array(refined, "fourier_errors")[1]
    save(refined, at("object.h5"))
    write_picture(refined, "amplitude", at("amplitude.png"))
    again = Canvas(context, at("object.h5"))
    @test array(again, "object") == array(refined, "object")
    @test occursin("complex_nrmse", evaluate(again, at("object.h5")))
    stitched = add!(Canvas(context, 40, 40), PATCHES, POSITIONS)
    @test maximum(abs, array(stitched, "object")[3:36, 3:36] - OBJECT[3:36, 3:36]) < 1e-5
    @test all(size(Canvas(context, POSITIONS, N), "object") .>= 36)
end

# Images that are multiples of the amplitudes, and two numbers more. The weights have one axis and two, so that their order is seen.
struct Linear <: Network
    first::Float32
    channels::Int
end
Linear(channels, side, options) = Linear(parse(Float32, match(r"\"first\":\s*([-+.0-9e]+)", options)[1]), channels)
PtychoKit.parameters(::Linear) = ["gain" => (2,), "offset" => (1, 2)]
PtychoKit.initialise(n::Linear, name, size, seed) = name == "gain" ? [n.first, 0] : reshape([1, 0], size)
image(weights, x, i) = weights["gain"][i] .* x .+ weights["offset"][1, i]
PtychoKit.forward(n::Linear, weights, x) = permutedims(cat(image(weights, x, 1), image(weights, x, 2); dims=5), (1, 2, 3, 5, 4))
PtychoKit.vjp(::Linear, weights, x, gradient) = Dict("gain" => [sum(gradient[:, :, :, i, :] .* x) for i in 1:2],
                                                     "offset" => [sum(gradient[:, :, :, i, :]) for _ in 1:1, i in 1:2])

# Faults, each in one method of a network that is Linear otherwise.
abstract type Faulty <: Network end
struct WrongSize <: Faulty end
struct Throws <: Faulty end
struct NoGradient <: Faulty end
struct Interrupted <: Faulty end
struct TooWide <: Network end
(::Type{T})(channels, side, options) where {T<:Faulty} = T()
TooWide(channels, side, options) = throw(PtychoKitError(Lib.PTK_ERR_SHAPE, "no side of $side"))
const SAME = Linear(0.5, 4)
PtychoKit.parameters(::Faulty) = PtychoKit.parameters(SAME)
PtychoKit.initialise(::Faulty, given...) = PtychoKit.initialise(SAME, given...)
PtychoKit.forward(::Faulty, given...) = PtychoKit.forward(SAME, given...)
PtychoKit.forward(::WrongSize, weights, x) = x
PtychoKit.vjp(::WrongSize, given...) = PtychoKit.vjp(SAME, given...)
PtychoKit.vjp(::Throws, given...) = throw(KeyError("mine"))
PtychoKit.vjp(::Interrupted, given...) = throw(InterruptException())

own(name, more...) = ("generator.name" => name, "training.epochs" => 12, "training.batch_size" => 4, "training.validation_fraction" => 0,
                      "training.learning_rate" => 0.02, "scan.group_size" => 4, "probe.modes" => 1, "probe.warm_epochs" => 0,
                      "data.measurement" => "counts", more...)

@testset "a type is a generator" begin
    folder = mktempdir()
    options = "[{\"name\": \"first\", \"type\": \"float\", \"default\": 0.25, \"meaning\": \"gain of the real part\"}]"
    context = Context()
    dataset = Dataset(context, forward(context, PATCHES, PROBE), POSITIONS; probe=PROBE, config=QUICK)
    register(context, "linear", Linear; summary="gains", options=options)
    @test occursin("gains", generators(context, "linear")) && occursin("\"trains\"", generators(context, "linear"))
    config = own("linear", "generator.first" => 0.5)
    model = Model(context, N; config=config)
    @test array(model, "gain") == Float32[0.5, 0] && array(model, "offset") == Float32[1 0]
    fit!(Trainer(model; config=config), dataset)
    losses = [parse(Float64, m[1]) for m in eachmatch(r"\"training_loss\":\s*([-+.0-9e]+)", history(model))]
    @test length(losses) == 12 && losses[end] < 0.98losses[1]
    save(model, joinpath(folder, "model.ptk"))
    @test array(Model(context, joinpath(folder, "model.ptk")), "offset") == array(model, "offset")
    @test fails(() -> Model(Context(), joinpath(folder, "model.ptk")), Lib.PTK_ERR_NOT_FOUND, "linear")
    canvas = reconstruct(Reconstructor(context, model), dataset)
    @test all(isfinite, array(canvas, "object"))
    @test fails(() -> register(context, "linear", Linear), Lib.PTK_ERR_EXISTS, "'linear'")
    @test fails(() -> register(context, "a name", Linear), Lib.PTK_ERR_INVALID_ARGUMENT, "a name")
    @test_throws ArgumentError register(context, "other", Linear; output=:polar)
    @test_throws ArgumentError register(context, "zero\0", Linear)
end

@testset "faults of generators are errors" begin
    context = Context()
    dataset = Dataset(context, forward(context, PATCHES, PROBE), POSITIONS; probe=PROBE, config=QUICK)
    for (T, status, part) in ((WrongSize, Lib.PTK_ERR_CALLBACK, "forward: expected size (16, 16, 4, 2, "),
                              (Throws, Lib.PTK_ERR_CALLBACK, "KeyError: key \"mine\""), (NoGradient, Lib.PTK_ERR_UNSUPPORTED, "no vjp"))
        name = lowercase(string(T))
        register(context, name, T)
        trainer = Trainer(Model(context, N; config=own(name)); config=own(name))
        @test fails(() -> fit!(trainer, dataset), status, part)
    end
    config = own("throws")
    e = failure(() -> fit!(Trainer(Model(context, N; config=config); config=config), dataset))
    @test e.cause[1] == KeyError("mine") && occursin("runtests.jl", sprint(showerror, e))
    @test failure(() -> Dataset(context, "missing.npz")).cause === nothing
    config = own("interrupted")
    register(context, "interrupted", Interrupted)
    @test failure(() -> fit!(Trainer(Model(context, N; config=config); config=config), dataset)) isa InterruptException
    register(context, "toowide", TooWide)
    @test fails(() -> Model(context, N; config=own("toowide")), Lib.PTK_ERR_SHAPE, "no side of 16")
end

"Number of what C holds."
function held()
    count, each = 0, PtychoKit.KEPT.after
    while each !== PtychoKit.KEPT
        count, each = count + 1, each.after
    end
    return count
end

@testset "networks are released" begin
    GC.gc()
    before = held()
    context = Context()
    for i in 1:200
        register(context, "linear$i", Linear; options="[{\"name\": \"first\", \"type\": \"float\", \"default\": 0.25, \"meaning\": \"gain\"}]")
        model = Model(context, N; config=own("linear$i"))
        i % 2 == 0 && close(model)
    end
    @test held() >= before + 200
    close(context)
    for _ in 1:3
        GC.gc()
    end
    @test held() <= before + 2  # the last model may still be on the stack
end

@testset "simulation" begin
    context = Context()
    config = Dict("seed" => 3, "simulation" => Dict("frames" => 12, "size" => 32, "dead_pixels" => 0.02))
    phases = String[]
    made = simulate(p -> push!(phases, p.phase), context; config=config)
    @test length(made) == 12 && side(made) == 32
    @test !isempty(phases) && all(==("simulate"), phases)
    @test count(array(made, "bad_pixels")) == 20  # 2 % of 1024, rounded
    @test array(simulate(context; config=config), "patterns") == array(made, "patterns")
    folder = mktempdir()
    for (name, format) in (("scan.npz", "auto"), ("scan", "ptychodus"))
        path = joinpath(folder, name)
        save(made, path; format=format)
        back = Dataset(context, path)
        @test array(back, "patterns") == array(made, "patterns")
        @test array(back, "bad_pixels") == array(made, "bad_pixels")
    end
    @test fails(() -> save(made, joinpath(folder, "scan.tif")), Lib.PTK_ERR_INVALID_ARGUMENT, ".tif")
    @test fails(() -> simulate(p -> false, context; config=config), Lib.PTK_ERR_CANCELLED, "ancel")
end

@testset "arrays that cannot be" begin
    context = Context()
    patterns = forward(context, PATCHES, PROBE)
    dataset(p=patterns, q=POSITIONS; more...) = Dataset(context, p, q; config=QUICK, more...)
    for p in (patterns[:, :, 1], reshape(patterns, N, N, 6, 6), patterns[1:8, :, :], ComplexF32.(patterns))
        @test fails(() -> dataset(p), Lib.PTK_ERR_SHAPE, "patterns")
    end
    for q in (POSITIONS[1, :], POSITIONS[1:1, :], zeros(3, 36), reshape(POSITIONS, 2, 36, 1), complex(POSITIONS), POSITIONS[:, 1:5])
        @test fails(() -> dataset(patterns, q), Lib.PTK_ERR_SHAPE, "positions")
    end
    for p in (PROBE[:, 1], PROBE[:, 1:8], reshape(PROBE, N, N, 1, 1), abs.(PROBE))
        @test fails(() -> dataset(probe=p), Lib.PTK_ERR_SHAPE, "probe")
    end
    @test fails(() -> dataset(object=abs.(OBJECT)), Lib.PTK_ERR_SHAPE, "object")
    @test fails(() -> dataset(fill(NaN32, N, N, 36)), Lib.PTK_ERR_FORMAT, "patterns")
    @test fails(() -> dataset(view(patterns, :, :, 36:-1:1)), Lib.PTK_ERR_SHAPE, "stride")
    @test_throws ArgumentError dataset(Float16.(patterns ./ 100))
    @test_throws ArgumentError dataset(zeros(1, 1, 1, 1, 1, 1, 1))

    made = dataset()
    for whole in (PermutedDimsArray(zeros(Float32, N, 36, N), (1, 3, 2)), view(zeros(2N, 2N, 36), 1:2:2N, 2:2:2N, :))
        @test read!(made, "patterns", whole) == patterns
    end
    @test fails(() -> read!(made, "positions", view(zeros(2, 36), :, 36:-1:1)), Lib.PTK_ERR_SHAPE, "stride")
    @test fails(() -> read!(made, "positions", zeros(2, 2)), Lib.PTK_ERR_SHAPE, "36")
    @test fails(() -> read!(made, "positions", zeros(72)), Lib.PTK_ERR_SHAPE, "array_out")
    @test fails(() -> read!(made, "positions", zeros(ComplexF32, 2, 36)), Lib.PTK_ERR_SHAPE, "C64")
    @test_throws ArgumentError read!(made, "positions", 1:72)  # a range cannot be written
    @test fails(() -> array(made, "nothing"), Lib.PTK_ERR_NOT_FOUND, "nothing")
end

small_scan(context) = Dataset(context, forward(context, PATCHES, PROBE), POSITIONS; probe=PROBE, config=QUICK)

@testset "closed objects" begin
    context = Context("cpu"; config=QUICK)
    @test fails(() -> Dataset(context, "missing.npz"), Lib.PTK_ERR_IO, "missing.npz")
    dataset = small_scan(context)
    model, canvas, config, cancel = Model(context, N; config=QUICK), Canvas(context, 40, 40), Config(), Cancel()
    trainer, worker = Trainer(model; config=QUICK), Reconstructor(context, model; config=QUICK)
    calls = [config => () -> check(context, config), cancel => () -> cancel!(cancel), trainer => () -> fit!(trainer, dataset),
             worker => () -> refine(worker, dataset), canvas => () -> size(canvas, "object"), dataset => () -> length(dataset),
             model => () -> history(model), context => () -> describe(context)]
    for (closed, call) in calls
        close(closed)
        close(closed)
        @test !isopen(closed) && failure(call) == ArgumentError("the $(nameof(typeof(closed))) is closed")
    end
    context = Context()
    dataset = small_scan(context)
    close(context)
    @test length(dataset) == 36  # it outlives its context
end

@testset "closing in the middle of a call" begin
    config = merge(QUICK, Dict("training.epochs" => 100000))
    context = Context("cpu"; config=config)
    dataset, model, cancel, calls = small_scan(context), Model(context, N; config=config), Cancel(), 0
    trainer = Trainer(model; config=config)
    @test fails(Lib.PTK_ERR_CANCELLED, "ancel") do
        fit!(trainer, dataset; cancel=cancel) do progress
            foreach(close, (dataset, model, trainer, context))
            GC.gc()
            (calls += 1) == 3 && cancel!(cancel)  # two more steps on what is closed
            return nothing
        end
    end
    @test calls == 3 && !any(isopen, (dataset, model, trainer, context))
    @test trainer.pointer == C_NULL  # released when the call was over
end

@testset "failures of callbacks" begin
    context = Context("cpu"; config=QUICK)
    dataset, model = small_scan(context), Model(context, N; config=QUICK)
    worker = Reconstructor(context, set_probe!(model, PROBE); config=QUICK)
    canvas = reconstruct(worker, dataset)
    for mine in (KeyError("mine"), InterruptException(), "not an Exception")
        raise(_) = throw(mine)
        for call in (() -> fit!(raise, Trainer(model; config=QUICK), dataset), () -> reconstruct(raise, worker, dataset),
                     () -> refine(raise, worker, dataset), () -> fourier_error(raise, canvas, dataset),
                     () -> simulate(raise, context; config=("simulation.frames" => 4, "simulation.size" => 32)))
            @test failure(call) === mine
        end
    end
    messages = 0
    log_to(context, Logging.Debug) do level, area, message
        messages += 1
        error("the logger's own")
    end
    fit!(Trainer(Model(context, N; config=QUICK); config=QUICK), dataset)
    @test messages > 0  # and it stopped nothing
end

@testset "a long call does not keep other threads from collecting garbage" begin
    if Threads.nthreads() > 1
        config = merge(QUICK, Dict("training.epochs" => 30))
        context = Context("cpu"; config=config)
        dataset, model = small_scan(context), Model(context, N; config=config)
        train() = fit!(Trainer(model; config=config), dataset)
        train()  # compiled
        took, longest, done = 0.0, 0.0, Threads.Atomic{Bool}(false)
        Threads.@threads :static for thread in 1:2
            if thread == 1
                try
                    took = @elapsed train()
                finally
                    done[] = true
                end
            else
                while !done[]
                    longest = max(longest, @elapsed GC.gc(false))
                end
            end
        end
        @test 0 < longest < took / 2
    else
        @test_skip Threads.nthreads() > 1
    end
end

@testset "two threads" begin
    if Threads.nthreads() > 1
        context = Context("cpu"; config=QUICK)
        dataset, model = small_scan(context), set_probe!(Model(context, N; config=QUICK), PROBE)
        patterns = array(dataset, "patterns")
        expected = array(reconstruct(Reconstructor(context, model; config=QUICK), dataset), "object")
        good = zeros(Bool, 10)
        Threads.@threads for i in 1:10
            worker = Reconstructor(context, model; config=QUICK)
            canvas = reconstruct(p -> true, worker, dataset)
            good[i] = array(canvas, "object") == expected && array(dataset, "patterns") == patterns &&
                      fails(() -> Dataset(context, "missing$i.npz"), Lib.PTK_ERR_IO, "missing$i.npz")
        end
        @test all(good)
    else
        @test_skip Threads.nthreads() > 1
    end
end

"Bytes of this process in memory."
memory() = (GC.gc(); parse(Int, split(read("/proc/self/statm", String))[2]) * 4096)

@testset "a thousand objects take no memory" begin
    context = Context("cpu"; config=QUICK)
    patterns = forward(context, PATCHES, PROBE)
    function cycle(at_once)
        other = Context("cpu"; config=QUICK)
        dataset = Dataset(other, patterns, POSITIONS; config=QUICK)
        model = Model(other, N; config=QUICK)
        objects = (other, dataset, model, Trainer(model; config=QUICK), Reconstructor(other, model; config=QUICK), Canvas(other, 40, 40), Cancel())
        array(dataset, "positions")
        fails(() -> Dataset(other, "missing.npz"), Lib.PTK_ERR_IO, "missing.npz") || error("it did not fail")
        at_once && foreach(close, objects)
    end
    for at_once in (true, false)
        work(n) = for i in 1:n
            cycle(at_once)
            i % 100 == 0 && GC.gc()
        end
        work(300)
        before = memory()
        work(1000)
        @test memory() - before < 40 << 20  # a thousand that were kept would be 500 MB
    end
end

const SCAN = get(ENV, "PTYCHOKIT_SCAN", "")
@testset "example scan" begin
    if isfile(SCAN)
        context = Context()
        @test occursin("516", describe_file(context, SCAN))
        @test length(Dataset(context, SCAN)) == 516
    else
        @test_skip isfile(SCAN)
    end
end
