"""The C interface of Hitherto, as ctypes. Written by scripts/generate-ctypes from include/hitherto.h; do not edit."""
from __future__ import annotations

import ctypes
from ctypes import (c_bool, c_char, c_char_p, c_double, c_int, c_int32, c_size_t, c_uint32, c_uint64,
                    c_void_p)
from typing import Any

VERSION = "0.1.0"
INTERFACE = 1

HTH_OK = 0
HTH_INVALID = 1
HTH_MISMATCH = 2
HTH_NO_MEMORY = 3
HTH_FILE = 4
HTH_NOT_FINITE = 5
HTH_FAILED = 6
HTH_DAMAGED = 7

HTH_TARGET_VALUES = 0
HTH_TARGET_CLASSES = 1
HTH_TARGET_ACTIONS = 2

HTH_DTYPE_REAL = 0
HTH_DTYPE_F64 = 1
HTH_DTYPE_I32 = 2
HTH_DTYPE_U64 = 3


class hth_error(ctypes.Structure):
    _fields_ = [
        ("status", c_int),
        ("message", c_char * 480),
    ]


class hth_allocator(ctypes.Structure):
    _fields_ = [
        ("allocate", c_void_p),
        ("release", c_void_p),
        ("context", c_void_p),
    ]


class hth_setting(ctypes.Structure):
    _fields_ = [
        ("key", c_char_p),
        ("value", c_char_p),
        ("origin", c_char_p),
    ]


class hth_settings(ctypes.Structure):
    _fields_ = [
        ("items", c_void_p),
        ("count", c_size_t),
    ]


class hth_shape(ctypes.Structure):
    _fields_ = [
        ("inputs", c_size_t),
        ("vocabulary", c_size_t),
        ("outputs", c_size_t),
        ("target", c_int),
        ("decides", c_bool),
    ]


class hth_inputs(ctypes.Structure):
    _fields_ = [
        ("steps", c_size_t),
        ("batch", c_size_t),
        ("x", c_void_p),
        ("tokens", c_void_p),
        ("lengths", c_void_p),
        ("ends", c_bool),
    ]


class hth_verdict(ctypes.Structure):
    _fields_ = [
        ("from", c_size_t),
        ("steps", c_size_t),
        ("targets", c_void_p),
        ("classes", c_void_p),
        ("errors", c_void_p),
        ("weights", c_void_p),
        ("decides", c_void_p),
    ]


class hth_chunk(ctypes.Structure):
    _fields_ = [
        ("steps", c_size_t),
        ("batch", c_size_t),
        ("x", c_void_p),
        ("tokens", c_void_p),
        ("targets", c_void_p),
        ("classes", c_void_p),
        ("weights", c_void_p),
        ("lengths", c_void_p),
        ("decides", c_void_p),
        ("ends", c_bool),
    ]


class hth_report(ctypes.Structure):
    _fields_ = [
        ("loss", c_double),
        ("weight", c_double),
        ("correct", c_double),
        ("spikes", c_double),
        ("regulariser", c_double),
        ("decisions", c_double),
        ("right", c_double),
    ]


class hth_block(ctypes.Structure):
    _fields_ = [
        ("name", c_char * 32),
        ("group", c_char * 16),
        ("rows", c_size_t),
        ("columns", c_size_t),
        ("offset", c_size_t),
    ]


class hth_view(ctypes.Structure):
    _fields_ = [
        ("data", c_void_p),
        ("steps", c_size_t),
        ("batch", c_size_t),
        ("units", c_size_t),
        ("step_stride", c_size_t),
        ("item_stride", c_size_t),
    ]


class hth_row_read(ctypes.Structure):
    _fields_ = [
        ("step", c_uint64),
        ("weight", c_double),
    ]


class hth_field(ctypes.Structure):
    _fields_ = [
        ("name", c_char * 40),
        ("dtype", c_int),
        ("count", c_size_t),
        ("data", c_void_p),
        ("shape", c_size_t * 4),
    ]


class hth_model_plan(ctypes.Structure):
    _fields_ = [
        ("abi", c_int),
        ("settings", hth_settings),
        ("shape", hth_shape),
        ("seed", c_uint64),
        ("steps", c_size_t),
        ("batch", c_size_t),
        ("late", c_size_t),
        ("threads", c_int),
        ("only_predicts", c_bool),
        ("checked", c_bool),
        ("initialise", c_void_p),
        ("context", c_void_p),
    ]


class hth_model_sizes(ctypes.Structure):
    _fields_ = [
        ("total", c_size_t),
        ("model", c_size_t),
        ("compute", c_size_t),
        ("network", c_size_t),
        ("tape", c_size_t),
        ("learner", c_size_t),
        ("gradient", c_size_t),
        ("optimiser", c_size_t),
    ]


class hth_answer(ctypes.Structure):
    _fields_ = [
        ("targets", c_void_p),
        ("classes", c_void_p),
        ("errors", c_void_p),
        ("weights", c_void_p),
        ("decides", c_void_p),
        ("late", c_size_t),
        ("ends", c_bool),
    ]


class hth_model_parts(ctypes.Structure):
    _fields_ = [
        ("compute", c_void_p),
        ("network", c_void_p),
        ("tape", c_void_p),
        ("learner", c_void_p),
        ("gradient", c_void_p),
        ("optimiser", c_void_p),
    ]


STRUCTS: list[type[ctypes.Structure]] = [
    hth_error,
    hth_allocator,
    hth_setting,
    hth_settings,
    hth_shape,
    hth_inputs,
    hth_verdict,
    hth_chunk,
    hth_report,
    hth_block,
    hth_view,
    hth_row_read,
    hth_field,
    hth_model_plan,
    hth_model_sizes,
    hth_answer,
    hth_model_parts,
]

# name: (result, arguments)
FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "hth_status_text": (c_char_p, [c_int]),
    "hth_version": (c_char_p, []),
    "hth_abi": (c_int, []),
    "hth_level_name": (c_char_p, []),
    "hth_compute_create": (c_int, [c_int, c_void_p, c_void_p, c_void_p]),
    "hth_compute_destroy": (None, [c_void_p]),
    "hth_network_create": (c_int, [c_void_p, c_void_p, c_uint64, c_void_p, c_void_p, c_void_p]),
    "hth_network_destroy": (None, [c_void_p]),
    "hth_network_parameter_count": (c_size_t, [c_void_p]),
    "hth_network_parameters": (c_void_p, [c_void_p]),
    "hth_network_keep_connections": (None, [c_void_p, c_void_p]),
    "hth_network_keep_signs": (c_bool, [c_void_p]),
    "hth_network_keep_orthogonal": (c_bool, [c_void_p, c_void_p, c_void_p]),
    "hth_network_blocks": (c_void_p, [c_void_p, c_void_p]),
    "hth_tape_create": (c_int, [c_void_p, c_size_t, c_size_t, c_void_p, c_void_p, c_void_p, c_void_p]),
    "hth_tape_destroy": (None, [c_void_p]),
    "hth_tape_reset": (None, [c_void_p]),
    "hth_tape_expect": (c_int, [c_void_p, c_void_p, c_void_p]),
    "hth_tape_divides": (c_bool, [c_void_p]),
    "hth_tape_dropout": (None, [c_void_p, c_bool]),
    "hth_tape_begin": (None, [c_void_p]),
    "hth_tape_slide": (c_int, [c_void_p, c_size_t, c_void_p]),
    "hth_tape_keep": (c_int, [c_void_p, c_size_t, c_void_p]),
    "hth_tape_length": (c_size_t, [c_void_p]),
    "hth_tape_write": (c_int, [c_void_p, c_void_p, c_void_p]),
    "hth_tape_read": (c_int, [c_void_p, c_size_t, c_size_t, c_void_p, c_void_p]),
    "hth_tape_judge": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "hth_forward": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "hth_tape_view": (c_int, [c_void_p, c_size_t, c_char_p, c_void_p, c_void_p]),
    "hth_tape_reads": (c_int, [c_void_p, c_size_t, c_size_t, c_size_t, c_size_t, c_void_p, c_size_t, c_void_p, c_void_p]),
    "hth_gradient_create": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "hth_gradient_destroy": (None, [c_void_p]),
    "hth_gradient_clear": (None, [c_void_p]),
    "hth_gradient_fade": (None, [c_void_p, c_double]),
    "hth_gradient_values": (c_void_p, [c_void_p]),
    "hth_gradient_edit": (c_void_p, [c_void_p]),
    "hth_learner_create": (c_int, [c_void_p, c_void_p, c_size_t, c_size_t, c_uint64, c_void_p, c_void_p, c_void_p, c_void_p]),
    "hth_learner_destroy": (None, [c_void_p]),
    "hth_learner_tape": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "hth_learner_feedback": (c_int, [c_void_p, c_void_p, c_size_t, c_size_t, c_void_p]),
    "hth_learner_signals": (c_int, [c_void_p, c_void_p, c_size_t, c_void_p]),
    "hth_learn": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "hth_learner_inputs": (c_int, [c_void_p, c_void_p, c_void_p]),
    "hth_learner_start": (c_int, [c_void_p, c_size_t, c_char_p, c_void_p, c_void_p]),
    "hth_optimiser_create": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "hth_optimiser_destroy": (None, [c_void_p]),
    "hth_optimiser_step": (c_int, [c_void_p, c_void_p, c_void_p, c_uint64, c_void_p]),
    "hth_optimiser_step_scaled": (c_int, [c_void_p, c_void_p, c_void_p, c_double, c_uint64, c_void_p]),
    "hth_learn_and_step": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_uint64, c_void_p]),
    "hth_optimiser_note": (c_int, [c_void_p, c_void_p, c_double, c_void_p]),
    "hth_optimiser_note_inputs": (c_int, [c_void_p, c_void_p, c_void_p]),
    "hth_optimiser_consolidate": (c_int, [c_void_p, c_void_p, c_void_p]),
    "hth_optimiser_rate": (c_double, [c_void_p, c_uint64]),
    "hth_network_state": (c_size_t, [c_void_p, c_void_p, c_size_t]),
    "hth_tape_state": (c_size_t, [c_void_p, c_void_p, c_size_t]),
    "hth_learner_state": (c_size_t, [c_void_p, c_void_p, c_size_t]),
    "hth_optimiser_state": (c_size_t, [c_void_p, c_void_p, c_size_t]),
    "hth_model_bytes": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "hth_model_create": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "hth_model_place": (c_int, [c_void_p, c_void_p, c_size_t, c_void_p, c_void_p]),
    "hth_model_destroy": (None, [c_void_p]),
    "hth_model_sizes_of": (c_void_p, [c_void_p]),
    "hth_model_predict": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "hth_model_learn": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "hth_model_run": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "hth_model_reset": (None, [c_void_p]),
    "hth_model_freeze": (None, [c_void_p, c_bool]),
    "hth_model_epoch": (None, [c_void_p, c_uint64]),
    "hth_model_parts_of": (c_void_p, [c_void_p]),
    "hth_model_save_bytes": (c_size_t, [c_void_p]),
    "hth_model_save": (c_int, [c_void_p, c_void_p, c_size_t, c_void_p]),
    "hth_model_load": (c_int, [c_void_p, c_void_p, c_size_t, c_void_p]),
}
