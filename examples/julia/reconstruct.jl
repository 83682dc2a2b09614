# From a scan to a picture of its object in Julia: open, train a network on the frames without labels, cancel a training, save and load
# the model, reconstruct, refine, evaluate, read the object, train a generator of its own, meet an error.
#
#   PTYCHOKIT_LIBRARY=/where/libptychokit.so julia --project=bindings/julia reconstruct.jl scan.npz reference.npz result [option=value ...]
using PtychoKit, Printf

# A generator with one number to learn: the real image is that number times the amplitudes, the imaginary one is 0.
struct Gain <: Network
    size::Dims{4}  # of the images of one input
    Gain(channels, side, options) = new((side, side, channels, 2))
end
PtychoKit.parameters(::Gain) = ["gain" => (1,)]
PtychoKit.initialise(::Gain, name, size, seed) = fill(0.5f0, size)
function PtychoKit.forward(n::Gain, weights, amplitudes)
    images = zeros(Float32, n.size..., size(amplitudes, 4))
    images[:, :, :, 1, :] .= weights["gain"] .* amplitudes
    return images
end
PtychoKit.vjp(::Gain, weights, amplitudes, gradient) = Dict("gain" => [sum(Float64.(gradient[:, :, :, 1, :] .* amplitudes))])

function main(scan, reference, folder, options...)
    mkpath(folder)
    config = Config()
    for option in options
        key, value = split(option, '='; limit=2)
        PtychoKit.set_text!(config, key, value)
    end
    context = Context("cpu"; config=config)
    dataset = Dataset(context, scan; config=config)
    println("frames = ", length(dataset))

    model = Model(context, side(dataset); config=config)
    println("parameters = ", parameter_count(model))
    calls, loss = 0, 0.0
    fit!(Trainer(model; config=config), dataset) do progress
        calls += 1
        progress.phase == "train" && (loss = progress.loss)
        true
    end
    @printf("progress calls = %d\ntraining loss = %.9g\n", calls, loss)

    second = Model(context, side(dataset); config=config)
    calls = 0
    try
        fit!(Trainer(second; config=config), dataset) do progress
            calls += 1
            calls < 3
        end
    catch e
        println("second training = ", PtychoKit.status_name(e.status), " after ", calls, " calls")
    end

    save(model, joinpath(folder, "model.ptk"))
    loaded = Model(context, joinpath(folder, "model.ptk"))
    reconstructor = Reconstructor(context, loaded; config=config)
    object = reconstruct(reconstructor, dataset)
    @printf("Fourier error of the network = %.9g\n", fourier_error(object, dataset))
    refined = refine(reconstructor, dataset, object)
    @printf("Fourier error after refinement = %.9g\n", fourier_error(refined, dataset))
    save(refined, joinpath(folder, "refined.h5"))
    write_picture(refined, "phase", joinpath(folder, "refined_phase.png"))
    scores = evaluate(refined, reference)
    @printf("complex nRMSE = %.9g\n", parse(Float64, match(r"\"complex_nrmse\":\s*([^,}]+)", scores)[1]))

    values = array(refined, "object")
    println("object = ", size(values, 2), " rows of ", size(values, 1))
    @printf("object power = %.9g\n", sum(abs2, ComplexF64.(values)))

    register(context, "gain", Gain; summary="amplitudes times one number")
    own = ("seed" => 5, "generator.name" => "gain", "training.epochs" => 1, "probe.warm_epochs" => 1)
    fit!(Trainer(Model(context, side(dataset); config=own); config=own), dataset) do progress
        progress.phase == "train" && (loss = progress.loss)
        true
    end
    @printf("loss of an own generator = %.9g\n", loss)

    try
        Dataset(context, "missing.npz")
    catch e
        println("a missing file = ", PtychoKit.status_name(e.status))
        occursin("missing.npz", e.message) || error("the message does not name the file")
    end
end

length(ARGS) >= 3 || error("usage: reconstruct.jl SCAN REFERENCE FOLDER [OPTION=VALUE ...]")
main(ARGS...)
