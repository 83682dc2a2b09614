# From a scan to a picture of its object in Julia: open, train a network on the frames without labels, cancel a training, save and load
# the model, reconstruct, refine, evaluate, read the object, meet an error.
#
#   PTYCHOKIT_LIBRARY=/where/libptychokit.so julia --project=bindings/julia reconstruct.jl scan.npz reference.npz result [option=value ...]
using PtychoKit, Printf

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

    try
        Dataset(context, "missing.npz")
    catch e
        println("a missing file = ", PtychoKit.status_name(e.status))
        occursin("missing.npz", e.message) || error("the message does not name the file")
    end
end

length(ARGS) >= 3 || error("usage: reconstruct.jl SCAN REFERENCE FOLDER [OPTION=VALUE ...]")
main(ARGS...)
