"""Whole programs as tutorials write them, `program(keras, weights)`, chosen before any of them was run.

A program uses names of keras and NumPy alone. It calls weights(model) once a model has weights, which become the same
on both sides. Rows are not shuffled and dropout has the rate 0, because two libraries draw different random numbers. A
program may write files into the folder that it runs in.
"""

from . import (
    autoencoders,
    callbacks,
    freezing,
    functional,
    images,
    loops,
    metrics_and_losses,
    saving,
    schedules,
    sequential,
    several_outputs,
    weighting,
)

PROGRAMS = [
    sequential.flowers_by_one_hot_classes,
    sequential.disease_as_a_number,
    sequential.digits_from_logits,
    sequential.tumours_behind_an_adapted_normalization,
    sequential.wines_in_double_precision,
    functional.wide_and_deep,
    functional.residual_blocks_in_a_loop,
    functional.siamese_with_one_shared_layer,
    functional.two_towers_of_one_encoder,
    functional.gate_of_arithmetic_on_tensors,
    functional.average_of_several_models,
    autoencoders.denoising_with_the_decoder_cut_off,
    autoencoders.sparse_codes_by_an_activity_penalty,
    autoencoders.activations_of_every_layer,
    several_outputs.two_heads_by_name,
    several_outputs.lists_of_losses_and_row_weights,
    several_outputs.auxiliary_output,
    several_outputs.labels_that_exclude_nothing,
    several_outputs.output_without_a_loss,
    callbacks.stop_plateau_checkpoint,
    callbacks.stop_at_an_accuracy,
    callbacks.log_of_every_hook,
    callbacks.early_stopping_of_ones_own,
    callbacks.rows_of_a_csv_log,
    callbacks.score_of_the_validation_rows_in_the_logs,
    schedules.exponential_decay_in_the_optimizer,
    schedules.steps_by_a_scheduler,
    schedules.warm_up_in_a_schedule_of_ones_own,
    weighting.rare_cases_with_class_weights,
    weighting.weights_of_rows_and_of_validation_rows,
    loops.batches_of_a_dataset_class,
    loops.generator_with_steps,
    loops.train_on_batch_by_hand,
    loops.adversarial_training_with_a_frozen_judge,
    freezing.transfer_then_fine_tuning,
    freezing.all_but_the_new_head,
    saving.training_that_goes_on_from_a_file,
    saving.copies_by_json_config_and_files,
    metrics_and_losses.metrics_of_ones_own,
    metrics_and_losses.quantiles_by_a_closure,
    metrics_and_losses.one_network_under_every_loss,
    metrics_and_losses.standalone_tensorless_metrics,
    images.digits_in_the_first_convolutional_network,
    images.lenet_of_1998,
    images.blocks_of_vgg_with_batch_normalization,
    images.residual_network_of_the_functional_guide,
    images.branches_of_inception,
    images.convolutional_autoencoder_of_flat_images,
    images.depthwise_separable_blocks_of_mobilenet,
    images.series_in_a_causal_convolutional_network,
    images.fully_convolutional_network,
    images.transfer_of_a_convolutional_base,
]

# programs that Keras runs and minidl.keras does not, with the error that says so
REFUSED = [
    (images.convolutional_autoencoder_of_images, r"a loss takes rows of numbers, .* \(8, 8, 1\); add Flatten"),
]
