# Sizes, places and values as tests/bindings/layout.py compares them, for the names that the C program prints.
include(joinpath(ARGS[1], "src", "LibPtychoKit.jl"))
const Lib = LibPtychoKit
for line in eachline(`$(ARGS[2])`)
    words = split(line)
    parts = split(words[1], '.')
    thing = getfield(Lib, Symbol(parts[1]))
    if length(parts) == 2
        at = findfirst(==(Symbol(parts[2])), fieldnames(thing))
        println(words[1], ' ', fieldoffset(thing, at), ' ', sizeof(fieldtype(thing, at)))
    elseif thing isa DataType
        println(words[1], ' ', sizeof(thing))
    else
        println(words[1], ' ', thing)
    end
end
