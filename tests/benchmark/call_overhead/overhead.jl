# What calls cost from Julia, see table.py. Argument: calls of a round.
using PtychoKit

const ROUNDS = 5

function measure(call, name, calls)
    best = Inf
    for _ in 1:ROUNDS
        start = time_ns()
        for _ in 1:calls
            call()
        end
        best = min(best, (time_ns() - start) / calls * 1e-3)
    end
    println("time ", name, ' ', best)
end

"Most kilobytes that this process held since the last reset."
peak() = parse(Int, match(r"VmHWM:\s*(\d+)", read("/proc/self/status", String))[1])

function grown(call, name)
    call()
    peak()
    write("/proc/self/clear_refs", "5")
    before = peak()
    call()
    println("grown ", name, ' ', peak() - before)
end

scan(context, frames) = Dataset(context, frames, [Float64((x + 2i) % 7) for x in 0:1, i in 0:size(frames, 3)-1])

function main(calls)
    context = Context()
    dataset = scan(context, ones(Float32, 64, 64, 500))
    canvas = Canvas(context, 128, 128)
    positions, frame = zeros(2, 500), zeros(Float32, 64, 64, 1)
    patch, place = ones(ComplexF32, 16, 16, 1), fill(64.0, 2, 1)
    measure(() -> length(dataset), "size", calls)
    measure(() -> read!(dataset, "positions", positions), "positions", calls)
    measure(() -> read_patterns!(dataset, 1, frame), "frame", calls)
    measure(() -> add!(canvas, patch, place), "add", calls)
    out = ones(Float32, 64, 64, 4096)
    large = scan(context, out)
    grown(() -> read!(large, "patterns", out), "frames")
    patches, places = ones(ComplexF32, 16, 16, 1 << 15), fill(64.0, 2, 1 << 15)
    grown(() -> add!(canvas, patches, places), "patches")
end

main(parse(Int, ARGS[1]))
