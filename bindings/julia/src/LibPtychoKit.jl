# Generated from bindings/swig/ptk.i by bindings/generate/generate.py; changes are lost.
"The C interface of PtychoKit as it is: constants, structs, functions. Arrays have the reversed shape of C."
module LibPtychoKit

import Libdl

# The library is found by its soname once it is loaded; __init__ loads the one that the environment names.
const libptychokit = "libptychokit.so.0"

function __init__()
    path = get(ENV, "PTYCHOKIT_LIBRARY", libptychokit)
    # Without RTLD_DEEPBIND, Julia's default: LibTorch must see one C++ runtime.
    Libdl.dlopen(path, Libdl.RTLD_LAZY | Libdl.RTLD_LOCAL)
end

const PTK_VERSION_MAJOR = Int32(0)
const PTK_VERSION_MINOR = Int32(1)
const PTK_VERSION_PATCH = Int32(0)
const PTK_MAX_NDIM = Int32(6)
const PTK_PLUGIN_ABI = Int32(1)

# enum ptk_status_code
const PTK_OK = Int32(0)
const PTK_ERR_INTERNAL = Int32(1)
const PTK_ERR_INVALID_ARGUMENT = Int32(2)
const PTK_ERR_INVALID_CONFIG = Int32(3)
const PTK_ERR_SHAPE = Int32(4)
const PTK_ERR_NOT_FOUND = Int32(5)
const PTK_ERR_EXISTS = Int32(6)
const PTK_ERR_BUFFER_TOO_SMALL = Int32(7)
const PTK_ERR_OUT_OF_MEMORY = Int32(8)
const PTK_ERR_IO = Int32(9)
const PTK_ERR_FORMAT = Int32(10)
const PTK_ERR_DEVICE = Int32(11)
const PTK_ERR_UNSUPPORTED = Int32(12)
const PTK_ERR_STATE = Int32(13)
const PTK_ERR_NOT_CONVERGED = Int32(14)
const PTK_ERR_CANCELLED = Int32(15)
const PTK_ERR_CALLBACK = Int32(16)

# enum ptk_dtype_code
const PTK_U8 = Int32(1)
const PTK_U16 = Int32(2)
const PTK_I32 = Int32(3)
const PTK_I64 = Int32(4)
const PTK_I8 = Int32(5)
const PTK_I16 = Int32(6)
const PTK_U32 = Int32(7)
const PTK_U64 = Int32(8)
const PTK_BOOL = Int32(9)
const PTK_F32 = Int32(10)
const PTK_F64 = Int32(11)
const PTK_C64 = Int32(20)
const PTK_C128 = Int32(21)

# enum ptk_device_kind
const PTK_DEVICE_CPU = Int32(1)
const PTK_DEVICE_CUDA = Int32(2)
const PTK_DEVICE_CUDA_PINNED = Int32(3)

# enum ptk_log_level_code
const PTK_LOG_ERROR = Int32(1)
const PTK_LOG_WARN = Int32(2)
const PTK_LOG_INFO = Int32(3)
const PTK_LOG_DEBUG = Int32(4)

# enum ptk_generator_output_code
const PTK_OUTPUT_REAL_IMAG = Int32(1)
const PTK_OUTPUT_AMP_PHASE = Int32(2)
const PTK_OUTPUT_AMP_PHASE_LOGITS = Int32(3)

const ptk_status = Int32
const ptk_dtype = Int32
const ptk_device_type = Int32
const ptk_log_level = Int32
const ptk_generator_output = Int32

# Handles: only pointers to them exist.
mutable struct ptk_context end
mutable struct ptk_config end
mutable struct ptk_cancel end
mutable struct ptk_dataset end
mutable struct ptk_model end
mutable struct ptk_trainer end
mutable struct ptk_reconstructor end
mutable struct ptk_canvas end

struct ptk_view
    data::Ptr{Cvoid}
    dtype::ptk_dtype
    ndim::Int32
    device_type::ptk_device_type
    device_id::Int32
    shape::NTuple{6, Int64}
    strides::NTuple{6, Int64}
end

struct ptk_progress
    struct_size::Int64
    phase::Ptr{UInt8}
    epoch::Int64
    epochs::Int64
    step::Int64
    steps::Int64
    loss::Cdouble
    validation_loss::Cdouble
    frames_per_second::Cdouble
    seconds::Cdouble
end

struct ptk_generator_problem
    struct_size::Int64
    channels::Int64
    side::Int64
    options::Ptr{UInt8}
    set_error_message::Ptr{Cvoid}
end

struct ptk_generator_parameter
    struct_size::Int64
    name::Ptr{UInt8}
    ndim::Int64
    shape::NTuple{6, Int64}
end

struct ptk_generator_table
    struct_size::Int64
    abi::Int32
    output::ptk_generator_output
    name::Ptr{UInt8}
    summary::Ptr{UInt8}
    source::Ptr{UInt8}
    options::Ptr{UInt8}
    user_data::Ptr{Cvoid}
    create::Ptr{Cvoid}
    destroy::Ptr{Cvoid}
    parameter_count::Ptr{Cvoid}
    parameter::Ptr{Cvoid}
    initialise::Ptr{Cvoid}
    forward::Ptr{Cvoid}
    vjp::Ptr{Cvoid}
    free_user_data::Ptr{Cvoid}
end

struct ptk_plugin
    struct_size::Int64
    abi::Int32
    generator_count::Int32
    generators::Ptr{Ptr{ptk_generator_table}}
end

# Function pointers, for @cfunction.
# ptk_log_fn: Cvoid (ptk_log_level, Ptr{UInt8}, Ptr{UInt8}, Ptr{Cvoid})
# ptk_progress_fn: Int32 (Ptr{ptk_progress}, Ptr{Cvoid})
# ptk_plugin_entry_fn: Ptr{ptk_plugin} ()

"Version of the library that is loaded, not of the header."
ptk_version(major_out, minor_out, patch_out) =
    @ccall libptychokit.ptk_version(major_out::Ptr{Int32}, minor_out::Ptr{Int32}, patch_out::Ptr{Int32})::Cvoid

"What this library was built from and with."
ptk_build_info() =
    @ccall libptychokit.ptk_build_info()::Ptr{UInt8}

"Name of a status."
ptk_status_name(code) =
    @ccall libptychokit.ptk_status_name(code::Int32)::Ptr{UInt8}

"Size of an element."
ptk_dtype_size(code) =
    @ccall libptychokit.ptk_dtype_size(code::Int32)::Csize_t

"Status of the last call that failed on the calling thread."
ptk_last_error() =
    @ccall libptychokit.ptk_last_error()::ptk_status

"Message of the last call that failed on the calling thread."
ptk_last_error_message() =
    @ccall libptychokit.ptk_last_error_message()::Ptr{UInt8}

"For callbacks that are about to return a failure:"
ptk_set_error_message(message) =
    @ccall libptychokit.ptk_set_error_message(message::Cstring)::Cvoid

"Fill a view of a C-contiguous array in host memory."
ptk_view_init(out, data, dtype, ndim, shape) =
    @ccall libptychokit.ptk_view_init(out::Ptr{ptk_view}, data::Ptr{Cvoid}, dtype::ptk_dtype, ndim::Int32, shape::Ptr{Int64})::ptk_status

"Fill a view of a DLPack tensor (version 1)."
ptk_view_from_dlpack(out, tensor) =
    @ccall libptychokit.ptk_view_from_dlpack(out::Ptr{ptk_view}, tensor::Ptr{Cvoid})::ptk_status

"Create a context."
ptk_context_create(out, device, config) =
    @ccall libptychokit.ptk_context_create(out::Ptr{Ptr{ptk_context}}, device::Cstring, config::Ptr{ptk_config})::ptk_status

"Release a context."
ptk_context_free(ctx) =
    @ccall libptychokit.ptk_context_free(ctx::Ptr{ptk_context})::Cvoid

"Send log messages of everything that was or will be created from this context to a function."
ptk_context_set_log(ctx, level, fn, user_data) =
    @ccall libptychokit.ptk_context_set_log(ctx::Ptr{ptk_context}, level::ptk_log_level, fn::Ptr{Cvoid}, user_data::Ptr{Cvoid})::ptk_status

"Devices that can be used now."
ptk_context_devices(ctx, buf, capacity, needed_out) =
    @ccall libptychokit.ptk_context_devices(ctx::Ptr{ptk_context}, buf::Ptr{UInt8}, capacity::Csize_t, needed_out::Ptr{Csize_t})::ptk_status

"What the context is:"
ptk_context_describe(ctx, buf, capacity, needed_out) =
    @ccall libptychokit.ptk_context_describe(ctx::Ptr{ptk_context}, buf::Ptr{UInt8}, capacity::Csize_t, needed_out::Ptr{Csize_t})::ptk_status

"Create an empty configuration:"
ptk_config_create(out) =
    @ccall libptychokit.ptk_config_create(out::Ptr{Ptr{ptk_config}})::ptk_status

"Read a configuration from JSON text:"
ptk_config_from_json(out, json) =
    @ccall libptychokit.ptk_config_from_json(out::Ptr{Ptr{ptk_config}}, json::Cstring)::ptk_status

"Read a configuration from YAML text."
ptk_config_from_yaml(out, yaml) =
    @ccall libptychokit.ptk_config_from_yaml(out::Ptr{Ptr{ptk_config}}, yaml::Cstring)::ptk_status

"Read a configuration file."
ptk_config_load(out, path) =
    @ccall libptychokit.ptk_config_load(out::Ptr{Ptr{ptk_config}}, path::Cstring)::ptk_status

"Release a configuration."
ptk_config_free(config) =
    @ccall libptychokit.ptk_config_free(config::Ptr{ptk_config})::Cvoid

"Set a whole number."
ptk_config_set_int(config, key, value) =
    @ccall libptychokit.ptk_config_set_int(config::Ptr{ptk_config}, key::Cstring, value::Int64)::ptk_status

"Set a number."
ptk_config_set_float(config, key, value) =
    @ccall libptychokit.ptk_config_set_float(config::Ptr{ptk_config}, key::Cstring, value::Cdouble)::ptk_status

"Set a switch."
ptk_config_set_bool(config, key, value) =
    @ccall libptychokit.ptk_config_set_bool(config::Ptr{ptk_config}, key::Cstring, value::Int32)::ptk_status

"Set a text."
ptk_config_set_string(config, key, value) =
    @ccall libptychokit.ptk_config_set_string(config::Ptr{ptk_config}, key::Cstring, value::Cstring)::ptk_status

"Set a pair of numbers, e.g."
ptk_config_set_pair(config, key, first, second) =
    @ccall libptychokit.ptk_config_set_pair(config::Ptr{ptk_config}, key::Cstring, first::Cdouble, second::Cdouble)::ptk_status

"Set a value from text, read as the option's type:"
ptk_config_set_text(config, key, value) =
    @ccall libptychokit.ptk_config_set_text(config::Ptr{ptk_config}, key::Cstring, value::Cstring)::ptk_status

"Take over the values of another configuration; they win."
ptk_config_merge(config, other) =
    @ccall libptychokit.ptk_config_merge(config::Ptr{ptk_config}, other::Ptr{ptk_config})::ptk_status

"Check a configuration now instead of when it is used."
ptk_config_check(ctx, config, subject) =
    @ccall libptychokit.ptk_config_check(ctx::Ptr{ptk_context}, config::Ptr{ptk_config}, subject::Cstring)::ptk_status

"Effective values, defaults included."
ptk_config_to_json(ctx, config, subject, buf, capacity, needed_out) =
    @ccall libptychokit.ptk_config_to_json(ctx::Ptr{ptk_context}, config::Ptr{ptk_config}, subject::Cstring, buf::Ptr{UInt8}, capacity::Csize_t, needed_out::Ptr{Csize_t})::ptk_status

"The options that exist."
ptk_config_schema(ctx, subject, buf, capacity, needed_out) =
    @ccall libptychokit.ptk_config_schema(ctx::Ptr{ptk_context}, subject::Cstring, buf::Ptr{UInt8}, capacity::Csize_t, needed_out::Ptr{Csize_t})::ptk_status

"Create a cancel flag, lowered."
ptk_cancel_create(out) =
    @ccall libptychokit.ptk_cancel_create(out::Ptr{Ptr{ptk_cancel}})::ptk_status

"Raise the flag:"
ptk_cancel_request(cancel) =
    @ccall libptychokit.ptk_cancel_request(cancel::Ptr{ptk_cancel})::Cvoid

"Lower the flag, to use it again."
ptk_cancel_reset(cancel) =
    @ccall libptychokit.ptk_cancel_reset(cancel::Ptr{ptk_cancel})::Cvoid

"Release a cancel flag."
ptk_cancel_free(cancel) =
    @ccall libptychokit.ptk_cancel_free(cancel::Ptr{ptk_cancel})::Cvoid

"What is in a file, without reading its arrays:"
ptk_file_describe(ctx, path, config, buf, capacity, needed_out) =
    @ccall libptychokit.ptk_file_describe(ctx::Ptr{ptk_context}, path::Cstring, config::Ptr{ptk_config}, buf::Ptr{UInt8}, capacity::Csize_t, needed_out::Ptr{Csize_t})::ptk_status

"Open a scan, told apart by content:"
ptk_dataset_open(out, ctx, path, config) =
    @ccall libptychokit.ptk_dataset_open(out::Ptr{Ptr{ptk_dataset}}, ctx::Ptr{ptk_context}, path::Cstring, config::Ptr{ptk_config})::ptk_status

"Make a dataset of arrays, which are copied."
ptk_dataset_from_arrays(out, ctx, patterns, positions, probe, object, config) =
    @ccall libptychokit.ptk_dataset_from_arrays(out::Ptr{Ptr{ptk_dataset}}, ctx::Ptr{ptk_context}, patterns::Ptr{ptk_view}, positions::Ptr{ptk_view}, probe::Ptr{ptk_view}, object::Ptr{ptk_view}, config::Ptr{ptk_config})::ptk_status

"Simulate an experiment after the simulation.* options and the seed:"
ptk_simulate(out, ctx, config, cancel, progress, user_data) =
    @ccall libptychokit.ptk_simulate(out::Ptr{Ptr{ptk_dataset}}, ctx::Ptr{ptk_context}, config::Ptr{ptk_config}, cancel::Ptr{ptk_cancel}, progress::Ptr{Cvoid}, user_data::Ptr{Cvoid})::ptk_status

"Write a dataset to a file, from which ptk_dataset_open() reads the same patterns, positions, probe, object and bad pixels."
ptk_dataset_save(dataset, path, format) =
    @ccall libptychokit.ptk_dataset_save(dataset::Ptr{ptk_dataset}, path::Cstring, format::Cstring)::ptk_status

"The part of a dataset whose scan points lie inside fractions of the range of the positions, e.g."
ptk_dataset_select(out, dataset, x_low, x_high, y_low, y_high) =
    @ccall libptychokit.ptk_dataset_select(out::Ptr{Ptr{ptk_dataset}}, dataset::Ptr{ptk_dataset}, x_low::Cdouble, x_high::Cdouble, y_low::Cdouble, y_high::Cdouble)::ptk_status

"Release a dataset."
ptk_dataset_free(dataset) =
    @ccall libptychokit.ptk_dataset_free(dataset::Ptr{ptk_dataset})::Cvoid

"Number of frames, n."
ptk_dataset_size(dataset) =
    @ccall libptychokit.ptk_dataset_size(dataset::Ptr{ptk_dataset})::Int64

"Side of a frame, N."
ptk_dataset_side(dataset) =
    @ccall libptychokit.ptk_dataset_side(dataset::Ptr{ptk_dataset})::Int64

"Source, size, what the frames hold, lengths of the experiment, range of the positions, what the reader decided, arrays."
ptk_dataset_describe(dataset, buf, capacity, needed_out) =
    @ccall libptychokit.ptk_dataset_describe(dataset::Ptr{ptk_dataset}, buf::Ptr{UInt8}, capacity::Csize_t, needed_out::Ptr{Csize_t})::ptk_status

"Shape of an array:"
ptk_dataset_shape(dataset, name, shape_out, capacity, ndim_out) =
    @ccall libptychokit.ptk_dataset_shape(dataset::Ptr{ptk_dataset}, name::Cstring, shape_out::Ptr{Int64}, capacity::Int32, ndim_out::Ptr{Int32})::ptk_status

"Copy an array out, converted to the element type of the view (real to real, complex to complex)."
ptk_dataset_read(dataset, name, array_out) =
    @ccall libptychokit.ptk_dataset_read(dataset::Ptr{ptk_dataset}, name::Cstring, array_out::Ptr{ptk_view})::ptk_status

"Copy some patterns out, from frame"
ptk_dataset_read_patterns(dataset, first, patterns_out) =
    @ccall libptychokit.ptk_dataset_read_patterns(dataset::Ptr{ptk_dataset}, first::Int64, patterns_out::Ptr{ptk_view})::ptk_status

"The generators (networks) that this context knows."
ptk_generator_list(ctx, buf, capacity, needed_out) =
    @ccall libptychokit.ptk_generator_list(ctx::Ptr{ptk_context}, buf::Ptr{UInt8}, capacity::Csize_t, needed_out::Ptr{Csize_t})::ptk_status

"One generator with its options and what it costs with their defaults."
ptk_generator_describe(ctx, name, buf, capacity, needed_out) =
    @ccall libptychokit.ptk_generator_describe(ctx::Ptr{ptk_context}, name::Cstring, buf::Ptr{UInt8}, capacity::Csize_t, needed_out::Ptr{Csize_t})::ptk_status

"The ways to draw a generator's first weights, for the option generator.initializer."
ptk_initializer_list(ctx, buf, capacity, needed_out) =
    @ccall libptychokit.ptk_initializer_list(ctx::Ptr{ptk_context}, buf::Ptr{UInt8}, capacity::Csize_t, needed_out::Ptr{Csize_t})::ptk_status

"What is registered under a category:"
ptk_registry_list(ctx, category, buf, capacity, needed_out) =
    @ccall libptychokit.ptk_registry_list(ctx::Ptr{ptk_context}, category::Cstring, buf::Ptr{UInt8}, capacity::Csize_t, needed_out::Ptr{Csize_t})::ptk_status

"One of them with the options that it reads."
ptk_registry_describe(ctx, category, name, buf, capacity, needed_out) =
    @ccall libptychokit.ptk_registry_describe(ctx::Ptr{ptk_context}, category::Cstring, name::Cstring, buf::Ptr{UInt8}, capacity::Csize_t, needed_out::Ptr{Csize_t})::ptk_status

"Create a model with fresh weights, drawn from the seed."
ptk_model_create(out, ctx, side, config) =
    @ccall libptychokit.ptk_model_create(out::Ptr{Ptr{ptk_model}}, ctx::Ptr{ptk_context}, side::Int64, config::Ptr{ptk_config})::ptk_status

"Load a model from a bundle (one HDF5 file; data only, nothing in it is executed)."
ptk_model_load(out, ctx, path) =
    @ccall libptychokit.ptk_model_load(out::Ptr{Ptr{ptk_model}}, ctx::Ptr{ptk_context}, path::Cstring)::ptk_status

"Save a model as a bundle."
ptk_model_save(model, path) =
    @ccall libptychokit.ptk_model_save(model::Ptr{ptk_model}, path::Cstring)::ptk_status

"Make a model of weights from Python:"
ptk_model_import(out, ctx, path, side, config) =
    @ccall libptychokit.ptk_model_import(out::Ptr{Ptr{ptk_model}}, ctx::Ptr{ptk_context}, path::Cstring, side::Int64, config::Ptr{ptk_config})::ptk_status

"Write the weights of a model, parameters and buffers by the names of the reference's state dict, for Python."
ptk_model_export(model, path) =
    @ccall libptychokit.ptk_model_export(model::Ptr{ptk_model}, path::Cstring)::ptk_status

"Release a model."
ptk_model_free(model) =
    @ccall libptychokit.ptk_model_free(model::Ptr{ptk_model})::Cvoid

"Number of trainable numbers in the network (a complex one counts once)."
ptk_model_parameter_count(model) =
    @ccall libptychokit.ptk_model_parameter_count(model::Ptr{ptk_model})::Int64

"Side N of the frames that the model takes."
ptk_model_side(model) =
    @ccall libptychokit.ptk_model_side(model::Ptr{ptk_model})::Int64

"Generator, N, group size, number of parameters, settings, probe, statistics, the experiments when it was trained on several together, history, where it comes from."
ptk_model_describe(model, buf, capacity, needed_out) =
    @ccall libptychokit.ptk_model_describe(model::Ptr{ptk_model}, buf::Ptr{UInt8}, capacity::Csize_t, needed_out::Ptr{Csize_t})::ptk_status

"The course of its training."
ptk_model_history(model, buf, capacity, needed_out) =
    @ccall libptychokit.ptk_model_history(model::Ptr{ptk_model}, buf::Ptr{UInt8}, capacity::Csize_t, needed_out::Ptr{Csize_t})::ptk_status

"The arrays that ptk_model_shape() and ptk_model_read() know:"
ptk_model_arrays(model, buf, capacity, needed_out) =
    @ccall libptychokit.ptk_model_arrays(model::Ptr{ptk_model}, buf::Ptr{UInt8}, capacity::Csize_t, needed_out::Ptr{Csize_t})::ptk_status

"Shape of an array."
ptk_model_shape(model, name, shape_out, capacity, ndim_out) =
    @ccall libptychokit.ptk_model_shape(model::Ptr{ptk_model}, name::Cstring, shape_out::Ptr{Int64}, capacity::Int32, ndim_out::Ptr{Int32})::ptk_status

"Copy an array out, converted to the element type of the view (real to real, complex to complex)."
ptk_model_read(model, name, array_out) =
    @ccall libptychokit.ptk_model_read(model::Ptr{ptk_model}, name::Cstring, array_out::Ptr{ptk_view})::ptk_status

"Give the model a probe, in place of the one that its training scan had or made."
ptk_model_set_probe(model, probe) =
    @ccall libptychokit.ptk_model_set_probe(model::Ptr{ptk_model}, probe::Ptr{ptk_view})::ptk_status

"Draw something of a model as an 8-bit PNG."
ptk_model_write_picture(model, picture, path) =
    @ccall libptychokit.ptk_model_write_picture(model::Ptr{ptk_model}, picture::Cstring, path::Cstring)::ptk_status

"Add a generator made of C functions to a context."
ptk_generator_register(ctx, table) =
    @ccall libptychokit.ptk_generator_register(ctx::Ptr{ptk_context}, table::Ptr{ptk_generator_table})::ptk_status

"Load a plug-in, whose code is executed."
ptk_plugin_load(ctx, path) =
    @ccall libptychokit.ptk_plugin_load(ctx::Ptr{ptk_context}, path::Cstring)::ptk_status

"Create a trainer."
ptk_trainer_create(out, model, config, run_folder) =
    @ccall libptychokit.ptk_trainer_create(out::Ptr{Ptr{ptk_trainer}}, model::Ptr{ptk_model}, config::Ptr{ptk_config}, run_folder::Cstring)::ptk_status

"Release a trainer."
ptk_trainer_free(trainer) =
    @ccall libptychokit.ptk_trainer_free(trainer::Ptr{ptk_trainer})::Cvoid

"Train."
ptk_trainer_fit(trainer, dataset, cancel, progress, user_data) =
    @ccall libptychokit.ptk_trainer_fit(trainer::Ptr{ptk_trainer}, dataset::Ptr{ptk_dataset}, cancel::Ptr{ptk_cancel}, progress::Ptr{Cvoid}, user_data::Ptr{Cvoid})::ptk_status

"Continue an interrupted training:"
ptk_trainer_resume(trainer, path) =
    @ccall libptychokit.ptk_trainer_resume(trainer::Ptr{ptk_trainer}, path::Cstring)::ptk_status

"Create a reconstructor."
ptk_reconstructor_create(out, ctx, model, config) =
    @ccall libptychokit.ptk_reconstructor_create(out::Ptr{Ptr{ptk_reconstructor}}, ctx::Ptr{ptk_context}, model::Ptr{ptk_model}, config::Ptr{ptk_config})::ptk_status

"Release a reconstructor."
ptk_reconstructor_free(reconstructor) =
    @ccall libptychokit.ptk_reconstructor_free(reconstructor::Ptr{ptk_reconstructor})::Cvoid

"Patches of single frames, without stitching."
ptk_reconstructor_predict(reconstructor, patterns, positions, patches_out) =
    @ccall libptychokit.ptk_reconstructor_predict(reconstructor::Ptr{ptk_reconstructor}, patterns::Ptr{ptk_view}, positions::Ptr{ptk_view}, patches_out::Ptr{ptk_view})::ptk_status

"Reconstruct a scan with the model:"
ptk_reconstructor_reconstruct(out, reconstructor, dataset, cancel, progress, user_data) =
    @ccall libptychokit.ptk_reconstructor_reconstruct(out::Ptr{Ptr{ptk_canvas}}, reconstructor::Ptr{ptk_reconstructor}, dataset::Ptr{ptk_dataset}, cancel::Ptr{ptk_cancel}, progress::Ptr{Cvoid}, user_data::Ptr{Cvoid})::ptk_status

"Iterate object and probe on the frames (rPIE or ePIE; the refinement.* options), from a picture or from a flat object."
ptk_reconstructor_refine(out, reconstructor, dataset, start, cancel, progress, user_data) =
    @ccall libptychokit.ptk_reconstructor_refine(out::Ptr{Ptr{ptk_canvas}}, reconstructor::Ptr{ptk_reconstructor}, dataset::Ptr{ptk_dataset}, start::Ptr{ptk_canvas}, cancel::Ptr{ptk_cancel}, progress::Ptr{Cvoid}, user_data::Ptr{Cvoid})::ptk_status

"Intensities that patches of an object would give:"
ptk_forward(ctx, patches, probe, intensity_out) =
    @ccall libptychokit.ptk_forward(ctx::Ptr{ptk_context}, patches::Ptr{ptk_view}, probe::Ptr{ptk_view}, intensity_out::Ptr{ptk_view})::ptk_status

"An empty canvas of a given frame, to which patches are added."
ptk_canvas_create(out, ctx, height, width, origin_x, origin_y, config) =
    @ccall libptychokit.ptk_canvas_create(out::Ptr{Ptr{ptk_canvas}}, ctx::Ptr{ptk_context}, height::Int64, width::Int64, origin_x::Int64, origin_y::Int64, config::Ptr{ptk_config})::ptk_status

"An empty canvas that holds all patches at given positions."
ptk_canvas_create_around(out, ctx, positions, side, config) =
    @ccall libptychokit.ptk_canvas_create_around(out::Ptr{Ptr{ptk_canvas}}, ctx::Ptr{ptk_context}, positions::Ptr{ptk_view}, side::Int64, config::Ptr{ptk_config})::ptk_status

"Add patches at sub-pixel positions as weighted sums."
ptk_canvas_add(canvas, patches, positions, weights) =
    @ccall libptychokit.ptk_canvas_add(canvas::Ptr{ptk_canvas}, patches::Ptr{ptk_view}, positions::Ptr{ptk_view}, weights::Ptr{ptk_view})::ptk_status

"Load a canvas."
ptk_canvas_load(out, ctx, path) =
    @ccall libptychokit.ptk_canvas_load(out::Ptr{Ptr{ptk_canvas}}, ctx::Ptr{ptk_context}, path::Cstring)::ptk_status

"Save a canvas as one HDF5 file:"
ptk_canvas_save(canvas, path) =
    @ccall libptychokit.ptk_canvas_save(canvas::Ptr{ptk_canvas}, path::Cstring)::ptk_status

"Release a canvas."
ptk_canvas_free(canvas) =
    @ccall libptychokit.ptk_canvas_free(canvas::Ptr{ptk_canvas})::Cvoid

"Size, origin, pixel size, patches left out, error curves, arrays."
ptk_canvas_describe(canvas, buf, capacity, needed_out) =
    @ccall libptychokit.ptk_canvas_describe(canvas::Ptr{ptk_canvas}, buf::Ptr{UInt8}, capacity::Csize_t, needed_out::Ptr{Csize_t})::ptk_status

"Shape of an array:"
ptk_canvas_shape(canvas, name, shape_out, capacity, ndim_out) =
    @ccall libptychokit.ptk_canvas_shape(canvas::Ptr{ptk_canvas}, name::Cstring, shape_out::Ptr{Int64}, capacity::Int32, ndim_out::Ptr{Int32})::ptk_status

"Copy an array out, converted to the element type of the view (real to real, complex to complex)."
ptk_canvas_read(canvas, name, array_out) =
    @ccall libptychokit.ptk_canvas_read(canvas::Ptr{ptk_canvas}, name::Cstring, array_out::Ptr{ptk_view})::ptk_status

"Draw something of a canvas as an 8-bit PNG."
ptk_canvas_write_picture(canvas, picture, path) =
    @ccall libptychokit.ptk_canvas_write_picture(canvas::Ptr{ptk_canvas}, picture::Cstring, path::Cstring)::ptk_status

"Compare an object with a known one."
ptk_evaluate(canvas, reference, config, buf, capacity, needed_out) =
    @ccall libptychokit.ptk_evaluate(canvas::Ptr{ptk_canvas}, reference::Ptr{ptk_view}, config::Ptr{ptk_config}, buf::Ptr{UInt8}, capacity::Csize_t, needed_out::Ptr{Csize_t})::ptk_status

"ptk_evaluate() with the reference from a file."
ptk_evaluate_file(canvas, path, config, buf, capacity, needed_out) =
    @ccall libptychokit.ptk_evaluate_file(canvas::Ptr{ptk_canvas}, path::Cstring, config::Ptr{ptk_config}, buf::Ptr{UInt8}, capacity::Csize_t, needed_out::Ptr{Csize_t})::ptk_status

"Relative Fourier error of object and probe against the measured frames:"
ptk_fourier_error(error_out, canvas, dataset, cancel, progress, user_data) =
    @ccall libptychokit.ptk_fourier_error(error_out::Ptr{Cdouble}, canvas::Ptr{ptk_canvas}, dataset::Ptr{ptk_dataset}, cancel::Ptr{ptk_cancel}, progress::Ptr{Cvoid}, user_data::Ptr{Cvoid})::ptk_status

export PTK_VERSION_MAJOR,
    PTK_VERSION_MINOR,
    PTK_VERSION_PATCH,
    PTK_MAX_NDIM,
    PTK_PLUGIN_ABI,
    PTK_OK,
    PTK_ERR_INTERNAL,
    PTK_ERR_INVALID_ARGUMENT,
    PTK_ERR_INVALID_CONFIG,
    PTK_ERR_SHAPE,
    PTK_ERR_NOT_FOUND,
    PTK_ERR_EXISTS,
    PTK_ERR_BUFFER_TOO_SMALL,
    PTK_ERR_OUT_OF_MEMORY,
    PTK_ERR_IO,
    PTK_ERR_FORMAT,
    PTK_ERR_DEVICE,
    PTK_ERR_UNSUPPORTED,
    PTK_ERR_STATE,
    PTK_ERR_NOT_CONVERGED,
    PTK_ERR_CANCELLED,
    PTK_ERR_CALLBACK,
    PTK_U8,
    PTK_U16,
    PTK_I32,
    PTK_I64,
    PTK_I8,
    PTK_I16,
    PTK_U32,
    PTK_U64,
    PTK_BOOL,
    PTK_F32,
    PTK_F64,
    PTK_C64,
    PTK_C128,
    PTK_DEVICE_CPU,
    PTK_DEVICE_CUDA,
    PTK_DEVICE_CUDA_PINNED,
    PTK_LOG_ERROR,
    PTK_LOG_WARN,
    PTK_LOG_INFO,
    PTK_LOG_DEBUG,
    PTK_OUTPUT_REAL_IMAG,
    PTK_OUTPUT_AMP_PHASE,
    PTK_OUTPUT_AMP_PHASE_LOGITS,
    ptk_status,
    ptk_dtype,
    ptk_device_type,
    ptk_log_level,
    ptk_generator_output,
    ptk_context,
    ptk_config,
    ptk_cancel,
    ptk_dataset,
    ptk_model,
    ptk_trainer,
    ptk_reconstructor,
    ptk_canvas,
    ptk_view,
    ptk_progress,
    ptk_generator_problem,
    ptk_generator_parameter,
    ptk_generator_table,
    ptk_plugin,
    ptk_version,
    ptk_build_info,
    ptk_status_name,
    ptk_dtype_size,
    ptk_last_error,
    ptk_last_error_message,
    ptk_set_error_message,
    ptk_view_init,
    ptk_view_from_dlpack,
    ptk_context_create,
    ptk_context_free,
    ptk_context_set_log,
    ptk_context_devices,
    ptk_context_describe,
    ptk_config_create,
    ptk_config_from_json,
    ptk_config_from_yaml,
    ptk_config_load,
    ptk_config_free,
    ptk_config_set_int,
    ptk_config_set_float,
    ptk_config_set_bool,
    ptk_config_set_string,
    ptk_config_set_pair,
    ptk_config_set_text,
    ptk_config_merge,
    ptk_config_check,
    ptk_config_to_json,
    ptk_config_schema,
    ptk_cancel_create,
    ptk_cancel_request,
    ptk_cancel_reset,
    ptk_cancel_free,
    ptk_file_describe,
    ptk_dataset_open,
    ptk_dataset_from_arrays,
    ptk_simulate,
    ptk_dataset_save,
    ptk_dataset_select,
    ptk_dataset_free,
    ptk_dataset_size,
    ptk_dataset_side,
    ptk_dataset_describe,
    ptk_dataset_shape,
    ptk_dataset_read,
    ptk_dataset_read_patterns,
    ptk_generator_list,
    ptk_generator_describe,
    ptk_initializer_list,
    ptk_registry_list,
    ptk_registry_describe,
    ptk_model_create,
    ptk_model_load,
    ptk_model_save,
    ptk_model_import,
    ptk_model_export,
    ptk_model_free,
    ptk_model_parameter_count,
    ptk_model_side,
    ptk_model_describe,
    ptk_model_history,
    ptk_model_arrays,
    ptk_model_shape,
    ptk_model_read,
    ptk_model_set_probe,
    ptk_model_write_picture,
    ptk_generator_register,
    ptk_plugin_load,
    ptk_trainer_create,
    ptk_trainer_free,
    ptk_trainer_fit,
    ptk_trainer_resume,
    ptk_reconstructor_create,
    ptk_reconstructor_free,
    ptk_reconstructor_predict,
    ptk_reconstructor_reconstruct,
    ptk_reconstructor_refine,
    ptk_forward,
    ptk_canvas_create,
    ptk_canvas_create_around,
    ptk_canvas_add,
    ptk_canvas_load,
    ptk_canvas_save,
    ptk_canvas_free,
    ptk_canvas_describe,
    ptk_canvas_shape,
    ptk_canvas_read,
    ptk_canvas_write_picture,
    ptk_evaluate,
    ptk_evaluate_file,
    ptk_fourier_error

end
