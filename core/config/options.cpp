// The table of every option. One line of meaning each; the section is the layer that reads it.
#include "config/schema.h"

namespace ptk::config {

namespace {

// A row an option.
// clang-format off

std::vector<Option> general_options()
{
    return {
        {"preset", Type::String, "\"none\"", "a set of values that hold where none is given; see 'ptychokit list presets'. On a model that is there already the network's own options stay", {}, {}, {"none", "ci", "legacy", "fast", "quality"}},
        {"seed", Type::Int, "0", "seed of every random stream (grouping, initialisation, shuffling, simulation)", 0, 9007199254740992.0, {}, {"subsample_seed"}},
        {"threads", Type::Int, "0", "threads of one operation; 0 = as many as the machine gives", 0, 4096},
        {"kernels", Type::String, "\"own\"", "who computes on a CPU where both can: our own kernels, which are faster, or LibTorch's (aten)", {}, {}, {"own", "aten"}},
        {"deterministic", Type::Bool, "false", "same seed, same numbers on the same device and thread count, at some cost of speed"},
        {"plugins", Type::String, "\"\"", "files with generators that are loaded with the context, separated by ':': shared libraries (see ptychokit/plugin.h) and TorchScript programs. They are executed"},
        {"compat", Type::String, "\"none\"", "'ptychopinn' reproduces quirks of PtychoPINN where equal numbers are needed, and evaluation adds its scores under that name", {}, {}, {"none", "ptychopinn"}},
    };
}

std::vector<Option> data_options()
{
    return {
        {"data.measurement", Type::String, "\"auto\"",
         "what the frames hold: photon counts, intensities (counts up to a factor) or amplitudes (their square root); auto = what the file says, else counts for whole "
         "numbers and amplitude for fractions, with a log line",
         {}, {}, {"auto", "counts", "intensity", "amplitude"}},
        {"data.dc", Type::String, "\"auto\"", "where the zero frequency of a frame is; auto = what the file says, else center (index N/2)", {}, {}, {"auto", "center", "corner"}},
        {"data.layout", Type::String, "\"auto\"", "axis order of the frames: frame first (n, h, w) or last (h, w, n); auto = by shape and number of positions", {}, {}, {"auto", "nhw", "hwn"}},
        {"data.position_unit", Type::String, "\"auto\"", "unit of the positions; auto = pixel in NPZ and NPY, metre in CXI, ptychodus' and PtyPy's files", {}, {}, {"auto", "pixel", "metre", "millimetre", "micrometre", "nanometre"}},
        {"data.pixel_size_m", Type::Float, "null", "object pixel in metres, to turn metres into pixels; null = from wavelength, distance and detector pixel of the file", 1e-15, 1, {}, {}, true},
        {"data.x_bounds", Type::FloatPair, "[0, 1]", "keep scan points inside this fraction of the x range", 0, 1, {}, {"x_bounds"}},
        {"data.y_bounds", Type::FloatPair, "[0, 1]", "keep scan points inside this fraction of the y range", 0, 1, {}, {"y_bounds"}},
        {"data.subsample", Type::Int, "null", "keep this many scan points, drawn at random from those inside the bounds; null = all", 1, 1e9, {}, {}, true},
        {"data.frames", Type::String, "\"\"", "path of the frames in an HDF5 file of any layout, e.g. /entry/data; with it data.positions, data.probe ... name the rest"},
        {"data.positions", Type::String, "\"\"", "path of the positions, (frames, 2 or 3) with x first; or a file of their own: NPY, NPZ (xcoords, ycoords) or text with two numbers a line, as it is for frames in an NPY file"},
        {"data.positions_x", Type::String, "\"\"", "path of the x positions (columns), instead of data.positions"},
        {"data.positions_y", Type::String, "\"\"", "path of the y positions (rows)"},
        {"data.probe", Type::String, "\"\"", "path of the probe, complex (N, N) or (modes, N, N); or a file of its own: NPY, or NPZ (probeGuess)"},
        {"data.object", Type::String, "\"\"", "path of a known object, complex (H, W); or a file of its own: NPY, or NPZ (objectGuess)"},
        {"data.mask", Type::String, "\"\"", "path of the mask; pixels that are not zero are bad"},
        {"data.product", Type::String, "\"\"", "product file of ptychodus that belongs to a diffraction file; empty = product-out.h5, product-in.h5 or product.h5 beside it"},
        {"data.energy_ev", Type::Float, "null", "photon energy in electron volts, instead of the file's", 1e-3, 1e9, {}, {}, true},
        {"data.distance_m", Type::Float, "null", "distance of the detector in metres, instead of the file's", 1e-6, 1e4, {}, {}, true},
        {"data.detector_pixel_m", Type::Float, "null", "side of a detector pixel in metres, before binning, instead of the file's", 1e-9, 1, {}, {}, true},
        {"data.bad_pixels", Type::String, "\"\"", "file (NPY, or NPZ with one array) whose pixels that are not zero are bad, together with those that the scan's file marks"},
        {"data.beamstop", Type::Float, "0", "diameter in pixels of a round beamstop in the middle of the frame, whose pixels are bad", 0, 65536},
        {"data.dark", Type::String, "\"\"", "file with a dark frame (NPY, or NPZ with one array; a stack is averaged) that is subtracted; nothing below zero"},
        {"data.crop", Type::Int, "null", "pixels of each axis that are kept, about index N/2", 2, 65536, {}, {}, true},
        {"data.bin", Type::Int, "1", "pixels of each axis that are summed", 1, 1024},
        {"data.pad", Type::Int, "null", "pixels of each axis after padding; padded pixels count as bad: nothing was measured there", 2, 65536, {}, {}, true},
        {"data.flip_x", Type::Bool, "false", "mirror the columns of the frames"},
        {"data.flip_y", Type::Bool, "false", "mirror the rows of the frames"},
        {"data.transpose", Type::Bool, "false", "swap rows and columns of the frames, after the flips"},
        {"data.check_orientation", Type::Bool, "true", "ptychokit info tries the orientations of the frames and says when another explains them clearly better (seconds)"},
        {"data.more", Type::String, "\"\"", "further scans, separated by ',' or in a list, that are read together with the one that is named: several experiments, each with its own probe, to train on together"},
        {"data.memory_mib", Type::Int, "4096", "frames larger than this stay in their HDF5 file and are read when needed", 1, 1e9},
        {"data.store", Type::String, "\"\"", "frames of any file, after the detector's options, are read from this mapped file, which is built when it is missing or was made of something else: auto = beside the scan (.ptkframes), a folder = a file in it, else the file; empty = none"},
        {"data.remake_store", Type::Bool, "false", "build the frame store anew even when it fits", {}, {}, {}, {"remake_map"}},
    };
}

std::vector<Option> scan_options()
{
    return {
        {"scan.grouping", Type::String, "\"auto\"",
         "how frames are put together for training: tile = a centre and its nearest frames; nearest = PtychoPINN's random draws among the nearest neighbours; single = one frame; min_dist = the frame "
         "and draws among its nearest between two distances (PtychoPINN's Min_dist); 4_quadrant = one frame of each quadrant around it; raw_data = scan.groups draws among neighbours without the frame "
         "itself (PtychoPINN's RawData); auto = what the generator is made for",
         {}, {}, {"auto", "tile", "nearest", "single", "min_dist", "4_quadrant", "raw_data"}, {"neighbor_function"}},
        {"scan.group_size", Type::Int, "null", "frames in a group; null = 16 for tiles, the generator's channels otherwise", 1, 4096, {}, {"C"}, true},
        {"scan.neighbours", Type::Int, "6", "nearest neighbours that 'nearest', 'min_dist' and 'raw_data' draw from (the frame itself not counted)", 1, 4096, {}, {"K", "neighbor_count"}},
        {"scan.samples", Type::Int, "1", "random groups that 'nearest', 'min_dist' and '4_quadrant' draw around each frame", 1, 10000, {}, {"n_subsample"}},
        {"scan.min_distance", Type::Float, "0", "min_dist, 4_quadrant: smallest distance of a member to the frame, pixels", 0, 1e9, {}, {"min_neighbor_distance"}},
        {"scan.max_distance", Type::Float, "null", "min_dist, 4_quadrant: largest distance, pixels; null = any (compat 'ptychopinn': 3)", 0, 1e9, {}, {"max_neighbor_distance"}, true},
        {"scan.quadrant_neighbours", Type::Int, "30", "4_quadrant: nearest neighbours that are sorted into quadrants", 4, 4096, {}, {"K_quadrant"}},
        {"scan.pattern", Type::String, "\"isotropic\"",
         "4_quadrant: isotropic = by the signs of dx and dy; rectangular = for raster scans: upper quadrants hold the frame's own line (-0.7 < dy < 2 pixels), lower ones the lines below (dy < -2)",
         {}, {}, {"isotropic", "rectangular"}, {"scan_pattern"}},
        {"scan.groups", Type::Int, "null", "raw_data: number of groups, each around another frame; null = one around each frame", 1, 1e8, {}, {"n_groups", "nsamples", "n_images"}, true},
        {"scan.sequential", Type::Bool, "false", "raw_data: groups around the first frames of the scan instead of random ones", {}, {}, {}, {"sequential_sampling"}},
        {"scan.oversampling", Type::Bool, "false", "raw_data: allow more groups than frames, several different ones around a frame", {}, {}, {}, {"enable_oversampling"}},
        {"scan.pool", Type::Int, "null", "raw_data: neighbours that members are drawn from when there are more groups than frames; null = scan.neighbours", 1, 4096, {}, {"neighbor_pool_size"}, true},
    };
}

std::vector<Option> input_options()
{
    return {
        {"input.normalize", Type::String, "\"batch\"",
         "where the factor comes from that brings frames to order one for the network: batch = all training frames, kept in the model; group = the frames of each group alone (generators that see "
         "groups; others: batch); none = 1",
         {}, {}, {"batch", "group", "none"}, {"normalize"}},
        {"input.scaling", Type::String, "\"parseval\"", "parseval = N over the root of the mean sum of squares of a frame; max = 1 over the largest sum of a frame", {}, {}, {"parseval", "max"}, {"data_scaling"}},
        {"input.rms", Type::String, "\"side\"",
         "parseval: side = N (PtychoPINN's memory-mapped data sets); half_side = N/2 (its RawData, program and count-intensity statistics)", {}, {}, {"side", "half_side"}},
        {"input.images", Type::String, "\"amplitude\"", "what the network sees: amplitudes, or intensities (PtychoPINN's count-intensity contract); the loss does not change", {}, {}, {"amplitude", "intensity"}},
    };
}

std::vector<Option> generator_options()
{
    return {{"generator.name", Type::String, "\"physics_unet\"", "the network; see 'ptychokit list generators'", {}, {}, {}, {"architecture"}},
            {"generator.initializer", Type::String, "\"default\"", "how the first weights are drawn; see 'ptychokit list initializers'", {}, {}, {"default", "glorot", "he", "orthogonal", "zero_output"}}};
}

std::vector<Option> physics_options()
{
    return {
        {"physics.patch_weighting", Type::String, "\"probe\"", "weights with which overlapping patches are merged: probe intensity, the central half, uniform, or none (patches stay apart)", {}, {},
         {"probe", "central_mask", "uniform", "none"}, {"training_patch_weighting"}},
        {"physics.subpixel", Type::String, "\"shift_probe\"",
         "fractions of a pixel in positions: shift the probe (patches on whole pixels, no blur), interpolate the patches (as PtychoPINN), or round", {}, {}, {"shift_probe", "interpolate", "round"}},
        {"physics.object_scale", Type::String, "\"one\"",
         "unit of what the network predicts: one = the object's transmission; ptychopinn = transmission times the factors that PtychoPINN's forward model divides by: probe.scale squared, the probe's "
         "mean modulus and the input's factor (kept in the model, undone in reconstructions)",
         {}, {}, {"one", "ptychopinn"}},
        {"physics.model", Type::String, "\"tiles\"",
         "what training compares with the frames: tiles = ours, patches merged on the object's pixels and incoherent probe modes; amplitude, rectangular = PtychoPINN's forward models with its losses: "
         "amplitudes of coherently summed modes, or counts with factors s1, s2 of the object's real and imaginary part",
         {}, {}, {"tiles", "amplitude", "rectangular"}, {"physics_forward_mode"}},
        {"physics.propagator", Type::String, "\"auto\"",
         "from the object to the detector: far_field; fresnel = paraxial over physics.distance_m, in the detector's pixels or in one transform, by the sampling; angular_spectrum = over the same, not paraxial; auto "
         "= what the scan says, else far_field. Not for PtychoPINN's physics",
         {}, {}, {"auto", "far_field", "fresnel", "angular_spectrum"}},
        {"physics.distance_m", Type::Float, "null", "fresnel, angular_spectrum: distance from the object to the detector in metres (in a cone: the effective one); null = the scan's", -1e4, 1e4, {}, {}, true},
        {"physics.wavelength_m", Type::Float, "null", "fresnel, angular_spectrum: wavelength in metres; null = that of the scan's photons", 1e-15, 1, {}, {}, true},
        {"physics.pixel_m", Type::Float, "null", "fresnel, angular_spectrum: pixel of the object in metres, of the frames as they are used; null = the scan's, else its detector pixel (a parallel beam)", 1e-15, 1, {}, {}, true},
        {"physics.scale_contract", Type::String, "\"legacy\"",
         "rectangular: legacy = the network sees amplitudes and the prediction is divided by PtychoPINN's physics scale; count_intensity = it sees counts, the probe keeps its power, and the loss is "
         "divided by the mean count of the training frames",
         {}, {}, {"legacy", "count_intensity"}, {"scale_contract_version"}},
        {"physics.loss_units", Type::String, "\"normalised\"",
         "amplitude: what the loss compares: normalised = amplitudes over their mean sum in a frame (PtychoPINN's memory-mapped data sets), counts = roots of counts (its containers)", {}, {}, {"normalised", "counts"}},
        {"physics.gain", Type::Float, "1", "amplitude: factor on predicted amplitudes", 1e-9, 1e9, {}, {"amplitude_physics_gain"}},
        {"physics.alpha_beta", Type::Bool, "false", "amplitude: predicted amplitudes A become alpha A + beta, both trained from 1; physics.intensity_scale is then the input's factor", {}, {}, {}, {"intensity_scale_trainable"}},
        {"physics.intensity_scale", Type::Float, "10000", "amplitude, alpha_beta: factor on the input, which predicted amplitudes are divided by", 1e-9, 1e12, {}, {"intensity_scale"}},
        {"physics.scales_trainable", Type::Bool, "true", "rectangular: train s1 and s2 along with the network", {}, {}, {}, {"rect_s1s2_trainable"}},
        {"physics.scales_start", Type::String, "\"ones\"", "rectangular: s1 and s2 begin as ones, or by data = as what brings the first prediction to the mean of the frames", {}, {}, {"ones", "data"}, {"rect_s1s2_init"}},
        {"probe.scale", Type::Float, "4", "PtychoPINN's probe_scale, for physics.object_scale = 'ptychopinn'", 1e-6, 1e6, {}, {"probe_scale"}},
        {"probe.power", Type::String, "\"frames\"", "power of the probe that training starts with: that of the training frames, or as given in the file, whose unit then is roots of counts", {}, {}, {"frames", "given"}},
        {"probe.modes", Type::Int, "3", "incoherent probe modes; missing ones are made from the first", 1, 64},
        {"probe.from", Type::String, "\"model\"",
         "whose probe is used: the model's when it has one (else the scan's), or the scan's, prepared by probe.warm_epochs, for a scan with another beam than the model was trained with",
         {}, {}, {"model", "scan"}},
        {"probe.experiment", Type::String, "\"auto\"",
         "whose probe and scale a scan takes from a model that was trained on several experiments together: auto = those of the experiment with the same positions and frames (read with the same data options), else none; "
         "none = the scan's own, as with probe.from = scan; a number from 1 on = those of that experiment, e.g. for another sample in the same beam"},
        {"probe.warm_epochs", Type::Int, "10", "epochs of the iterative engine on the training frames that improve the probe before training; 0 = take the probe as given", 0, 10000},
        {"probe.trainable", Type::Bool, "false", "train the probe modes along with the network", {}, {}, {}, {"probe_trainable"}},
        {"probe.learning_rate", Type::Float, "1e-3", "learning rate of the probe modes, relative to their root mean square", 0, 10},
        {"probe.start_step", Type::Int, "50", "training step from which the probe modes move", 0, 1e9},
        {"probe.mask", Type::Bool, "false", "multiply the probe with a soft disk", {}, {}, {}, {"probe_mask"}},
        {"probe.mask_diameter", Type::Float, "null", "diameter of the disk in pixels; null = N/2", 0, 1e5, {}, {"probe_mask_diameter"}, true},
        {"probe.mask_sigma", Type::Float, "1", "Gaussian edge of the disk in pixels", 0, 1e4, {}, {"probe_mask_sigma"}},
    };
}

std::vector<Option> training_options()
{
    return {
        {"training.epochs", Type::Int, "12", "passes; one pass covers each frame once on average", 1, 1e7, {}, {"epochs", "nepochs", "max_epochs"}},
        {"training.batch_size", Type::Int, "1", "groups in a step", 1, 65536, {}, {"batch_size"}},
        {"training.loss", Type::String, "\"amplitude\"", "amplitude = squared difference of amplitudes over the counts; poisson = negative log-likelihood of the counts; mae = mean absolute difference of amplitudes; mae_intensity = the same of counts; gaussian = squared difference of counts over their variance; huber = amplitude, but large differences count once; supervised = difference to the true object of the scan's file, in amplitude and phase", {}, {},
         {"amplitude", "poisson", "mae", "mae_intensity", "gaussian", "huber", "supervised"}, {"torch_loss_mode"}},
        {"training.match_norm", Type::Bool, "false", "mae: predicted amplitudes of each group are first brought to the sum of squares of the measured ones", {}, {}, {}, {"torch_mae_pred_l2_match_target"}},
        {"training.readout_variance", Type::Float, "1", "gaussian: variance of the readout noise, counts squared; that of a pixel is this plus its counts", 1e-6, 1e12},
        {"training.huber_delta", Type::Float, "1", "huber: difference of amplitudes, roots of counts, up to which it counts squared; photon noise is 1/2", 1e-6, 1e6},
        {"training.phase_subtraction", Type::Bool, "true", "supervised: phases count from the mean phase of the object's central third", {}, {}, {}, {"phase_subtraction"}},
        {"training.regularizers.tv_amplitude", Type::Float, "0", "weight of the total variation of the predicted amplitude, mean over pixels, in the loss; 0 = none", 0, 1e12},
        {"training.regularizers.tv_phase", Type::Float, "0", "weight of the total variation of the predicted phase, radians, mean over pixels, in the loss; 0 = none", 0, 1e12},
        {"training.regularizers.mean_deviation_amplitude", Type::Float, "0", "weight of the mean difference of the predicted amplitude to its patch's mean in the loss; 0 = none", 0, 1e12},
        {"training.regularizers.mean_deviation_phase", Type::Float, "0", "weight of the mean difference of the predicted phase to its patch's mean, radians, in the loss; 0 = none", 0, 1e12},
        {"training.precision", Type::String, "\"float32\"", "what the network's layers compute in during a step: float32, or bfloat16 where that is fast (LibTorch's autocast; weights, physics, losses, Fourier transforms and validation stay in float32). A step whose loss or gradient is not finite in bfloat16 is done again in float32", {}, {}, {"float32", "bfloat16"}},
        {"training.optimizer", Type::String, "\"adam\"", "adam; adamw = with decoupled weight decay; sgd = descent with Nesterov's momentum", {}, {}, {"adam", "adamw", "sgd"}, {"optimizer"}},
        {"training.momentum", Type::Float, "0.9", "sgd: momentum", 0, 0.999999, {}, {"momentum"}},
        {"training.learning_rate", Type::Float, "2e-3", "largest learning rate", 0, 10, {}, {"learning_rate"}},
        {"training.find_rate", Type::String, "\"no\"", "before training a range test on a copy of the weights, 100 steps of a growing rate, finds a largest learning rate: suggest = log it, use = and train with it", {}, {}, {"no", "suggest", "use"}},
        {"training.schedule", Type::String, "\"one_cycle\"", "learning rate over the run: one_cycle (Smith and Topin 2018), constant, exponential, warmup_cosine, plateau, multi_stage", {}, {},
         {"one_cycle", "constant", "exponential", "warmup_cosine", "plateau", "multi_stage"}, {"scheduler"}},
        {"training.schedule_gamma", Type::Float, "0.95", "exponential: factor of an epoch", 1e-6, 1},
        {"training.warmup_epochs", Type::Int, "0", "warmup_cosine: epochs in which the rate rises from a tenth", 0, 1e7, {}, {"lr_warmup_epochs"}},
        {"training.smallest_rate", Type::Float, "0.1", "warmup_cosine, plateau, multi_stage: smallest learning rate as a fraction of the largest", 0, 1, {}, {"lr_min_ratio", "stage_3_lr_factor"}},
        {"training.plateau_factor", Type::Float, "0.5", "plateau: factor when the loss has stopped falling", 1e-6, 1, {}, {"plateau_factor"}},
        {"training.plateau_patience", Type::Int, "2", "plateau: epochs that may pass without a lower loss", 0, 1e6, {}, {"plateau_patience"}},
        {"training.plateau_threshold", Type::Float, "0", "plateau: fraction by which a loss must be lower to count", 0, 1, {}, {"plateau_threshold"}},
        {"training.stage_1_epochs", Type::Int, "0", "multi_stage: epochs at the largest rate", 0, 1e7, {}, {"stage_1_epochs"}},
        {"training.stage_2_epochs", Type::Int, "0", "multi_stage: epochs in which the rate falls", 0, 1e7, {}, {"stage_2_epochs"}},
        {"training.adam_beta1", Type::Float, "0.9", "decay of Adam's mean", 0, 0.999999, {}, {"adam_beta1"}},
        {"training.adam_beta2", Type::Float, "0.999", "decay of Adam's mean square", 0, 0.99999999, {}, {"adam_beta2"}},
        {"training.weight_decay", Type::Float, "0", "adam, sgd: L2 penalty; adamw: decay of the weights themselves", 0, 10, {}, {"weight_decay"}},
        {"training.gradient_clip", Type::Float, "1", "limit of the gradient; 0 = none", 0, 1e12, {}, {"gradient_clip_val"}},
        {"training.gradient_clip_by", Type::String, "\"norm\"", "what is limited: the norm of all gradients together, each value, or agc = the norm of each tensor relative to its parameter's", {}, {},
         {"norm", "value", "agc"}, {"gradient_clip_algorithm"}},
        {"training.accumulate", Type::Int, "1", "batches whose gradients make one step", 1, 65536, {}, {"accum_steps"}},
        {"training.average", Type::Float, "0", "decay of a running mean of the weights, e.g. 0.999; validation, best.ptk and the trained model use it; 0 = none", 0, 0.9999999},
        {"training.freeze", Type::String, "\"\"", "parameters that do not move: names or what they lie in, with * and ?, as in \"encoder,decoder_amp.blocks.*\"; a wrong name is answered with those that there are"},
        {"training.stages", Type::String, "\"\"",
         "stages one after the other instead of one training: a list of {epochs, learning_rate, loss, schedule, freeze, blend}, of which only epochs must be there; blend = linear, cosine or exponential lets the loss grow out of that of the stage before. The schedule runs anew in each"},
        {"training.fine_tune_epochs", Type::Int, "0", "epochs of a last stage with a frozen encoder (parameters 'encoder')", 0, 1e7, {}, {"epochs_fine_tune"}},
        {"training.fine_tune_rate", Type::Float, "0.1", "its learning rate as a fraction of training.learning_rate", 0, 1e6, {}, {"fine_tune_gamma"}},
        {"training.patience", Type::Int, "0", "stop after so many epochs (of the last stage) without a lower validation loss (training loss without validation frames); 0 = never", 0, 1e7, {}, {"early_stop_patience"}},
        {"training.rate_scaling", Type::String, "\"none\"", "factor on training.learning_rate for the groups of a step (training.batch_size times training.accumulate): none = 1; linear = their number; sqrt = its root", {}, {}, {"none", "linear", "sqrt"}},
        {"training.parallel", Type::String, "\"auto\"", "processes that train one model together, each on its part of every batch: auto = those that torchrun, mpirun or srun started with this one, if any; env = the same, and an error when there are none; off = each trains for itself", {}, {}, {"auto", "env", "off"}},
        {"training.parallel_transport", Type::String, "\"auto\"", "by what the gradients of such processes travel when they are on CUDA devices: auto = NCCL when each process has it and a device of its own, else Gloo; gloo = through the host; nccl = an error when it cannot be. On the CPU it is Gloo", {}, {}, {"auto", "gloo", "nccl"}},
        {"training.parallel_timeout", Type::Float, "300", "seconds that a process waits for the others before the training ends with an error and a checkpoint", 1, 1e6},
        {"training.validation_fraction", Type::Float, "0.05", "fraction of the frames that is kept out of training and measures it", 0, 0.9},
        {"training.checkpoint_epochs", Type::Int, "5", "epochs between checkpoints when a run folder is given; the last epoch always has one", 1, 1e7},
    };
}

std::vector<Option> tracking_options()
{
    return {
        {"tracking.uri", Type::String, "\"\"",
         "MLflow server that is told of a training, e.g. http://127.0.0.1:5000; empty = none. Credentials come from the environment (MLFLOW_TRACKING_TOKEN, or _USERNAME and _PASSWORD). No model keeps it"},
        {"tracking.experiment", Type::String, "\"PtychoKit\"", "MLflow experiment; made when it is missing", {}, {}, {}, {"experiment_name"}},
        {"tracking.run_name", Type::String, "\"\"", "name of the run; empty = the run folder's, else MLflow's choice"},
        {"tracking.tags", Type::String, "\"\"", "tags of the run, NAME=VALUE,NAME=VALUE"},
        {"tracking.notes", Type::String, "\"\"", "description of the run", {}, {}, {}, {"notes"}},
        {"tracking.model_name", Type::String, "\"\"", "tag 'model_name' of the run", {}, {}, {}, {"model_name"}},
        {"tracking.every_steps", Type::Int, "10", "steps between numbers of single steps (loss, learning rate, norm of the gradient); 0 = epochs only", 0, 1e9},
        {"tracking.artifacts", Type::Bool, "true", "send history.csv, history.json and best.ptk of the run folder at the end, where the server takes files (mlflow-artifacts)"},
        {"tracking.timeout_s", Type::Float, "10", "longest time of a request in seconds; training never waits for one", 0.05, 3600},
        {"tracking.closing_s", Type::Float, "30", "longest time in seconds that the end of a training waits until the server has the rest", 0, 86400},
    };
}

std::vector<Option> reconstruction_options()
{
    return {
        {"reconstruction.batch_size", Type::Int, "64", "frames predicted at once; bounds the memory", 1, 65536, {}, {"inference_batch_size"}},
        {"reconstruction.precision", Type::String, "\"float32\"", "what the network's layers compute in: float32, or bfloat16 where that is fast (AMX, avx512_bf16, GPUs), with errors of a few thousandths; stitching stays in float32", {}, {}, {"float32", "bfloat16"}},
        {"reconstruction.passes", Type::Int, "null", "times the network looks at each frame, with overlapping patches merged in between; null = as often as it was trained, without steps of physics in between (generator.agreement = 0) two more when that is several times", 1, 64, {}, {}, true},
        {"reconstruction.agreement", Type::Int, "null", "steps of physics without weights between two passes; null = four times as many as it was trained with", 0, 1000, {}, {}, true},
        {"reconstruction.fill", Type::Float, "0", "value of the object where no frame reached", -1e30, 1e30},
        {"reconstruction.coverage", Type::Float, "1e-3", "smallest weight, relative to the largest, at which a pixel of the object counts as reached", 0, 1},
        {"reconstruction.groups", Type::String, "\"nearest\"",
         "networks that see groups: nearest = every frame with its nearest others; training = groups as in training (scan.*), drawn anew, as PtychoPINN predicts: a frame may come several times or not at all", {}, {}, {"nearest", "training"}},
        {"reconstruction.varpro", Type::Bool, "false", "fit one factor of the object's real and one of its imaginary part to the scan's frames and apply them (PtychoPINN's VarPro); for physics.model = 'rectangular', elsewhere it changes phases", {}, {}, {}, {"varpro_scaling"}},
        {"reconstruction.middle_trim", Type::Int, "0", "use only this many central pixels of each patch; 0 = all", 0, 65536, {}, {"middle_trim"}},
    };
}

std::vector<Option> refinement_options()
{
    return {
        {"refinement.epochs", Type::Int, "20", "largest number of passes over the frames; 0 = no refinement", 0, 1e6},
        {"refinement.algorithm", Type::String, "\"epie\"", "rpie (Maiden, Johnson and Li 2017) or epie (Maiden and Rodenburg 2009)", {}, {}, {"rpie", "epie"}},
        {"refinement.alpha", Type::Float, "0.1", "rpie: weight of the largest against the local probe (and object) intensity in the update", 1e-6, 1},
        {"refinement.object_step", Type::Float, "1", "step of the object", 0, 2},
        {"refinement.probe_step", Type::Float, "0.5", "step of the probe in its first epoch, 1/k of it in the k-th; 0 = keep it", 0, 2},
        {"refinement.probe_start", Type::Int, "1", "first epoch in which the probe moves", 1, 1e6},
        {"refinement.positions", Type::Bool, "false", "correct the positions too"},
        {"refinement.held_out_fraction", Type::Float, "0.05", "fraction of the frames that is left out of the updates; their Fourier error says when to stop", 0, 0.9},
        {"refinement.patience", Type::Int, "5", "epochs without a better held-out error after which the best result is taken", 1, 1e6},
    };
}

std::vector<Option> simulation_options()
{
    return {
        {"simulation.size", Type::Int, "64", "side of the frames in pixels", 8, 4096},
        {"simulation.frames", Type::Int, "400", "number of frames", 1, 1e7},
        {"simulation.object", Type::String, "\"dead_leaves\"", "what the object looks like", {}, {},
         {"dead_leaves", "lines", "siemens_star", "white_noise", "blurred_noise", "perlin", "layered", "polyhedra"}},
        {"simulation.objects", Type::Int, "1", "different objects, each scanned with each of the probes: several experiments, which are written as a folder of NPZ files", 1, 10000},
        {"simulation.object_file", Type::String, "\"\"", "an object from a file instead: a complex array of NPZ, NPY or HDF5, or a picture (PNG, or a real array in NPY), whose brightness makes amplitude and phase; the scan lies about its middle"},
        {"simulation.amplitude", Type::FloatPair, "[0.8, 1]", "smallest and largest amplitude of the object", 0, 1e6},
        {"simulation.phase", Type::FloatPair, "[0, 2]", "smallest and largest phase of the object, radians", -100, 100},
        {"simulation.blur", Type::Float, "2", "Gaussian width of blurred_noise in pixels", 0, 1000},
        {"simulation.spokes", Type::Int, "36", "pairs of spokes of siemens_star", 1, 10000},
        {"simulation.probe", Type::String, "\"disk\"", "what the probe looks like; zernike = random aberrations, zone_plate = a Fresnel zone plate out of focus", {}, {},
         {"disk", "gaussian", "zernike", "zone_plate"}},
        {"simulation.probes", Type::Int, "1", "different probes (random aberrations, further modes and photons are drawn anew), see simulation.objects", 1, 10000},
        {"simulation.probe_file", Type::String, "\"\"", "a probe from a file (NPY, or 'probeGuess' of an NPZ) instead, (N, N) or (modes, N, N)"},
        {"simulation.probe_diameter", Type::Float, "null", "diameter of the probe in pixels (gaussian: full width at half maximum of the intensity); null = a third of the side; not for zone_plate", 0.5, 1e5, {}, {}, true},
        {"simulation.probe_defocus", Type::Float, "3", "disk and gaussian: phase of the curved wave at the edge of the diameter against the centre, radians", -1000, 1000},
        {"simulation.zernike_order", Type::Int, "4", "largest radial order of the aberrations", 0, 20},
        {"simulation.zernike_sigma", Type::Float, "0.5", "standard deviation of the aberrations' coefficients, piston being one", 0, 100},
        {"simulation.zone_plate_diameter_m", Type::Float, "160e-6", "diameter of the zone plate in metres", 1e-7, 0.1},
        {"simulation.zone_plate_outermost_zone_m", Type::Float, "70e-9", "width of its outermost zone in metres; no smaller than an object pixel", 1e-10, 1e-3},
        {"simulation.zone_plate_stop_m", Type::Float, "25e-6", "diameter of its central stop in metres; 0 = none", 0, 0.1},
        {"simulation.zone_plate_defocus_m", Type::Float, "200e-6", "distance of the sample behind the focus in metres", -0.1, 0.1},
        {"simulation.modes", Type::Int, "1", "incoherent probe modes, orthogonal, each with half the power of the one before", 1, 64},
        {"simulation.coherence", Type::Float, "null", "partial coherence: distance in pixels at which the degree of coherence of the light has fallen to exp(-1/2) (Gaussian Schell model); the probe is then its simulation.modes strongest modes, or fewer when fewer matter; null = the wave is coherent", 1, 1e6, {}, {}, true},
        {"simulation.scan_file", Type::String, "\"\"", "positions from a file instead, in pixels, x first: NPY, NPZ (xcoords, ycoords) or text with two numbers a line; as many frames as it holds, or its first simulation.frames"},
        {"simulation.scan", Type::String, "\"grid\"", "pattern of the positions; grid = raster with jitter", {}, {}, {"grid", "raster", "fermat", "concentric", "random"}},
        {"simulation.step", Type::Float, "5", "distance of neighbouring positions in pixels; random: one position in each area of its square", 0.01, 4096},
        {"simulation.jitter", Type::Float, "0.3", "grid: largest random shift in x and in y, in steps", 0, 10},
        {"simulation.photons", Type::FloatPair, "[1e6, 1e6]", "counts of a frame through an empty object: one number from this range for the whole scan", 1e-3, 1e12},
        {"simulation.poisson", Type::Bool, "true", "photon noise; without any noise frames hold mean counts with fractions"},
        {"simulation.readout_noise", Type::Float, "0", "standard deviation of the readout noise, counts", 0, 1e6},
        {"simulation.saturation", Type::Float, "null", "largest count that a pixel gives; null = no limit", 1, 1e15, {}, {}, true},
        {"simulation.beamstop", Type::Float, "0", "diameter of the beamstop in pixels; 0 = none", 0, 4096},
        {"simulation.dead_pixels", Type::Float, "0", "fraction of the pixels that give no counts", 0, 0.9},
        {"simulation.energy_ev", Type::Float, "8856", "photon energy in electron volts", 1, 1e7},
        {"simulation.distance_m", Type::Float, "1.9", "distance of the detector in metres", 1e-6, 1e4},
        {"simulation.detector_pixel_m", Type::Float, "75e-6", "side of a detector pixel in metres", 1e-9, 1},
    };
}

// clang-format on

} // namespace

const Schema& library_schema()
{
    static const Schema schema = [] {
        std::vector<Option> all;
        for (auto part : {general_options(), data_options(), scan_options(), input_options(), generator_options(),
                          physics_options(), training_options(), tracking_options(), reconstruction_options(),
                          refinement_options(), simulation_options()})
            all.insert(all.end(), part.begin(), part.end());
        return Schema(std::move(all));
    }();
    return schema;
}

} // namespace ptk::config
