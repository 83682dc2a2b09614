#pragma once
#include "base/log.h"
#include "base/progress.h"
#include "model/model.h"
#include "training/batch.h"
#include "training/checkpoint.h"
#include "training/grouping.h"
#include "training/labels.h"
#include "training/losses.h"
#include "training/optimizer.h"
#include "training/probe_parameter.h"
#include "training/regularizers.h"
#include "training/schedule.h"
#include "training/step.h"
#include "training/team.h"
#include "training/weight_average.h"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ptk::training {

/// One call of Trainer::fit(): everything that lives as long as it.
class Run {
public:
    struct Setting {
        model::Model& model;
        config::Settings settings;
        const data::Scan& scan;
        std::string folder; ///< "" = nothing on disk
        const Monitor& monitor;
        Log& log;
        Team& team;
    };

    /// Everything before the first step; the model is changed only when all of it succeeded.
    /// @param from  a checkpoint to go on from, or nullptr
    Run(Setting setting, const Checkpoint* from);

    void train();

private:
    void check_scan() const;
    void check_team();
    /// Frames, groups and the model's statistics and probe. @param from  as above
    void prepare(const Checkpoint* from);
    /// What the others learnt of the frames is what rank 0 learnt.
    void share_preparation();
    void start(const Checkpoint* from);

    void step();
    /// Gradients of one batch; the terms of the last pass. @param part  of the batches that make this step
    std::vector<double> accumulate(std::int64_t part);
    /// The loss and the penalties times their weights, in the order of term_names().
    /// @param share  of our batch in that of the whole team
    std::vector<at::Tensor> terms_of(const Pass& pass, const Batch& batch, double share) const;
    void check_terms(const std::vector<double>& terms);
    std::vector<at::Tensor> trained(); ///< the parameters of all optimizers
    std::vector<std::string> term_names() const;
    /// Terms of a step, into the sums of its epoch.
    void add_up(const std::vector<double>& terms);
    /// Means over the epoch that ends; empty when the loss is alone.
    std::map<std::string, double> epoch_terms() const;
    void move_probe(double schedule);
    /// training.patience epochs have passed without a lower loss.
    bool stalled() const;
    ScheduleTime schedule_time(std::int64_t step) const;
    double rate_at(std::int64_t step) const;
    void finish_epoch();
    double validate();
    void recentre_probe();
    void save_epoch(double loss);

    at::Tensor groups_of(std::int64_t batch); ///< of training, our part of them, (batch, G)
    Batch batch(const at::Tensor& groups, bool probe_moves);
    /// What the loss compares: intensities with amplitudes, or objects with labels.
    at::Tensor compared(const Pass& pass, const Batch& batch) const;
    const at::Tensor& truth(const Batch& batch) const { return labels_ ? batch.labels : batch.amplitude; }
    void choose_loss();
    void log_left_out(std::int64_t frames) const;
    bool probe_moves() const;
    bool keeps_files() const { return !setting_.folder.empty() && setting_.team.writes(); }
    std::int64_t steps() const { return epochs_ * steps_per_epoch_; }
    double seconds() const;
    Progress progress(const char* phase) const;

    std::vector<at::Tensor> weights();
    void remember_good_weights();
    [[noreturn]] void give_up(const std::string& what);
    at::Tensor light() const; ///< the probe as it is, (M, N, N), or of several experiments (E, M, N, N)
    void hand_probe_to_model();
    void save_last();
    std::string path(const char* name) const { return setting_.folder + "/" + name; }

    Setting setting_;
    generators::Generator& generator_;
    Team& team_;
    Subpixel subpixel_;
    physics::PixelGrid grid_;
    at::Tensor training_groups_;   ///< (groups, G)
    at::Tensor validation_groups_; ///< (k, G), the validation frame first
    std::optional<GroupOrder> order_;
    std::optional<Amplitudes> amplitudes_;
    std::optional<Labels> labels_; ///< of a supervised training
    model::Scaling scaling_;
    std::optional<Illumination> illumination_;
    std::vector<ProbeParameter> probes_; ///< of each experiment, when they are trained along
    std::optional<Optimizer> network_optimizer_;
    std::optional<Optimizer> probe_optimizer_;
    std::optional<WeightAverage> average_; ///< when training.average says so
    Loss loss_;
    Per loss_per_ = Per::Frame;
    std::vector<Penalty> penalties_;
    Schedule schedule_;

    std::int64_t batch_size_, parts_, epochs_, steps_per_epoch_ = 0;
    TrainingPosition position_;
    double seconds_before_ = 0; ///< of the trainings this one continues
    double learning_rate_ = 0;  ///< of the last step
    std::string scan_mark_;
    std::vector<at::Tensor> good_weights_;

    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    double step_seconds_ = 0;         ///< spent in steps of this call
    std::int64_t frames_trained_ = 0; ///< in this call
};

} // namespace ptk::training
