#!/usr/bin/env python3
"""Makes the files beside it: the state dict below as torch.save writes it now and did before 1.6.

    python make.py        # torch 2.13.0
"""
import collections
import pathlib

import torch

HERE = pathlib.Path(__file__).parent
TYPES = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16,
         torch.bfloat16, torch.float32, torch.float64)

state = collections.OrderedDict()
for dtype in TYPES:
    state[str(dtype).removeprefix("torch.")] = torch.arange(-1, 5).reshape(2, 3).to(dtype)
rows = torch.arange(12, dtype=torch.float32).reshape(4, 3)
state["rows"] = rows
state["rows.tail"] = rows[2:]  # of the same storage
state["scalar"] = torch.tensor(7.5)
state["empty"] = torch.zeros(0, 3)
state["one"] = rows[:, :1].t()[:, :1]  # strides of one element do not matter
state["parameter"] = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
state._metadata = collections.OrderedDict({"": {"version": 1}})

torch.save(state, HERE / "archive.bin")
torch.save(state, HERE / "earlier.bin", _use_new_zipfile_serialization=False)
torch.save({"weight": rows.t()}, HERE / "transposed.bin")
torch.save({"weight": torch.nn.Linear(1, 1)}, HERE / "module.bin")
