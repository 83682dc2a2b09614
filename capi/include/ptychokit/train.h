/** @file ptychokit/train.h  Training through the physics of the measurement, without labels. */
#ifndef PTK_TRAIN_H
#define PTK_TRAIN_H

#include <ptychokit/dataset.h>
#include <ptychokit/model.h>

PTK_BEGIN_DECLS

/** Trains one model. */
typedef struct ptk_trainer ptk_trainer;

/**
 * Create a trainer.
 *
 * @param[out] out         release with ptk_trainer_free(). NULL on failure.
 * @param      model       trained in place; kept alive
 * @param      config      the training.*, scan.*, physics.* and probe.* options; NULL for those that the model was made
 * with
 * @param      run_folder  where "last.ptk", "best.ptk", "history.csv" and "history.json" go (made when missing); NULL keeps nothing on
 * disk
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_INVALID_CONFIG; PTK_ERR_IO
 * @par Threads  one at a time for @p model
 * @since 0.1
 */
PTK_CALL ptk_trainer_create(ptk_trainer **out, ptk_model *model, const ptk_config *config, const char *run_folder);

/**
 * Release a trainer.
 *
 * @param trainer  NULL is ignored
 * @par Threads  one
 * @since 0.1
 */
PTK_API void ptk_trainer_free(ptk_trainer *trainer);

/**
 * Train. Blocks until all epochs are done, cancelled or failed.
 * After PTK_ERR_CANCELLED and PTK_ERR_CALLBACK the model holds the weights of the last finished step and the run folder
 * a "last.ptk" to resume from; after PTK_ERR_NOT_CONVERGED the model holds the weights of the beginning of that epoch.
 *
 * @param trainer    the trainer
 * @param dataset    frames of the model's side, with a probe unless the model has one; some are kept out for validation
 * @param cancel     may be NULL
 * @param progress   called after each step and each epoch; may be NULL
 * @param user_data  handed to @p progress
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL; PTK_ERR_SHAPE when dataset and model do not fit; PTK_ERR_STATE
 *         without a probe, or when the dataset is not that of the checkpoint; PTK_ERR_INVALID_CONFIG;
 *         PTK_ERR_NOT_CONVERGED when a loss or weight became NaN or infinite; PTK_ERR_CANCELLED; PTK_ERR_CALLBACK;
 *         PTK_ERR_IO; PTK_ERR_OUT_OF_MEMORY
 * @par Threads  one at a time for @p trainer and its model
 * @since 0.1
 */
PTK_CALL ptk_trainer_fit(ptk_trainer *trainer, const ptk_dataset *dataset, const ptk_cancel *cancel,
                         ptk_progress_fn progress, void *user_data);

/**
 * Continue an interrupted training: weights, optimizer, schedule, random streams and place in the epoch are as they
 * were. Call before ptk_trainer_fit().
 *
 * @param trainer  made with the same options
 * @param path     a "last.ptk" of a run folder
 * @return PTK_OK; PTK_ERR_INVALID_ARGUMENT for NULL, or a checkpoint of another generator or side; PTK_ERR_IO;
 *         PTK_ERR_FORMAT when it is damaged or not a checkpoint
 * @par Threads  one at a time for @p trainer and its model
 * @since 0.1
 */
PTK_CALL ptk_trainer_resume(ptk_trainer *trainer, const char *path);

PTK_END_DECLS

#endif
