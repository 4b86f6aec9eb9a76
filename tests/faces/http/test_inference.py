"""The Open Inference Protocol, asked by Triton's own client, unmodified."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import tritonclient.http as triton
from toy_live import parcel
from tritonclient.utils import InferenceServerException

ROWS = [
    parcel(1, shop="b", weight=2.5),
    parcel(2, shop="c", weight=None, express=True),
    parcel(3, shop="a", weight=0.25, sent_at="2026-01-02T10:00:00.000001Z"),
]
SENT = {"2026-01-02T10:00:00Z": 1_767_348_000_000_000}
INFER = "/v2/models/parcels/infer"


@pytest.fixture
def client(door):
    client = triton.InferenceServerClient(f"{door.host}:{door.port}")
    yield client
    client.close()


def tensor(name, datatype, values, *, binary):
    shaped = triton.InferInput(name, list(values.shape), datatype)
    shaped.set_data_from_numpy(values, binary_data=binary)
    return shaped


def inputs(rows, *, binary=True, column=False):
    weights = [np.nan if row["weight"] is None else row["weight"] for row in rows]
    arrays = {
        "parcel_id": ("INT64", np.array([row["parcel_id"] for row in rows], np.int64)),
        "shop": ("BYTES", np.array([row["shop"].encode() for row in rows], np.object_)),
        "weight": ("FP64", np.array(weights, np.float64)),
        "express": ("BOOL", np.array([row["express"] for row in rows], np.bool_)),
        "sent_at": ("BYTES", np.array([row["sent_at"].encode() for row in rows], np.object_)),
    }
    if not binary:  # JSON has no NaN, and the client writes none for it
        arrays["weight"] = ("FP64", np.nan_to_num(arrays["weight"][1]))
    return [
        tensor(name, kind, values[:, None] if column else values, binary=binary)
        for name, (kind, values) in arrays.items()
    ]


def expected(door, rows=ROWS):
    return [answer["prediction"] for answer in door.predict(*rows).json()["answers"]]


def test_the_server_and_its_model_describe_themselves(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("parcels")
    assert client.is_model_ready("parcels", "m1")
    assert not client.is_model_ready("parcels", "m2")
    assert not client.is_model_ready("other")
    server = client.get_server_metadata()
    assert server["name"] == "asof"
    assert "binary_tensor_data" in server["extensions"]
    model = client.get_model_metadata("parcels")
    assert (model["name"], model["versions"]) == ("parcels", ["m1"])
    assert {one["name"]: one["datatype"] for one in model["inputs"]} == {
        "parcel_id": "INT64", "shop": "BYTES", "weight": "FP64", "express": "BOOL",
        "sent_at": "BYTES",
    }  # fmt: skip
    assert model["outputs"][0] == {"name": "prediction", "datatype": "FP64", "shape": [-1]}


@pytest.mark.parametrize("column", [True, False])
def test_binary_tensors_in_and_out_give_what_json_gives(door, client, column):
    result = client.infer("parcels", inputs(ROWS, column=column), request_id="r-7")
    assert result.as_numpy("prediction").tolist() == expected(door)
    assert result.as_numpy("request").tolist() == [b"1", b"2", b"3"]
    assert result.as_numpy("fallback").tolist() == [False] * 3
    assert result.as_numpy("as_of").tolist() == result.as_numpy("at").tolist()
    response = result.get_response()
    assert (response["id"], response["model_name"], response["model_version"]) == (
        "r-7", "parcels", "m1",
    )  # fmt: skip


def test_json_tensors_in_and_out_give_the_same(door, client):
    rows = [row | {"weight": row["weight"] or 0.0} for row in ROWS]
    wanted = [triton.InferRequestedOutput(name, binary_data=False) for name in ("prediction", "at")]
    result = client.infer("parcels", inputs(rows, binary=False), outputs=wanted)
    assert result.as_numpy("prediction").tolist() == expected(door, rows)
    assert [one["name"] for one in result.get_response()["outputs"]] == ["prediction", "at"]
    assert "parameters" not in result.get_response()["outputs"][0]


def test_a_version_is_asked_by_its_name(door, client):
    assert client.infer("parcels", inputs(ROWS), model_version="m1") is not None
    with pytest.raises(InferenceServerException, match="Version 'm2' is not in service"):
        client.infer("parcels", inputs(ROWS), model_version="m2")
    door.live.served.append("m2")
    result = client.infer("parcels", inputs(ROWS), model_version="m2")
    assert result.get_response()["model_version"] == "m2"


def test_moments_come_as_microseconds_too(door, client):
    given = [one for one in inputs(ROWS) if one.name() != "sent_at"]
    moments = np.array([SENT["2026-01-02T10:00:00Z"]] * 3, np.int64)
    seen = []
    predict = door.live.predict

    async def look(rows, **how):
        seen.extend(rows)
        return await predict(rows, **how)

    door.live.predict = look
    client.infer("parcels", [*given, tensor("sent_at", "INT64", moments, binary=True)])
    assert {row[-1] for row in seen} == {"2026-01-02T10:00:00+00:00"}


def test_smaller_numbers_are_numbers_too(door, client):
    given = {one.name(): one for one in inputs(ROWS[:1])}
    given["parcel_id"] = tensor("parcel_id", "INT32", np.array([1], np.int32), binary=True)
    given["weight"] = tensor("weight", "FP32", np.array([2.5], np.float32), binary=True)
    result = client.infer("parcels", [*given.values()])
    assert result.as_numpy("prediction").tolist() == expected(door, ROWS[:1])


def test_errors_are_told_in_the_clients_words(door, client):
    with pytest.raises(InferenceServerException) as refused:
        client.infer("parcels", inputs(ROWS)[1:])
    assert refused.value.status() == "422"
    assert "Row 0 has no 'parcel_id'" in refused.value.message()
    with pytest.raises(InferenceServerException, match="There is no model 'other'"):
        client.get_model_metadata("other")
    door.live.served.clear()
    assert not client.is_server_ready()
    with pytest.raises(InferenceServerException, match="No model is in service"):
        client.infer("parcels", inputs(ROWS))


def one(name="parcel_id", datatype="INT64", shape=(1,), data=(1,), **more):
    return {"name": name, "datatype": datatype, "shape": list(shape), "data": list(data), **more}


SHOP = one("shop", "BYTES", data=["a"])


@pytest.mark.parametrize(
    ("tensors", "status", "words"),
    [
        ([], 400, "There are no tensors"),
        ([one("height")], 400, "is no column"),
        ([one(), one()], 400, "is there twice"),
        ([one(datatype="FP64")], 400, "it is FP64"),
        ([one(datatype="INT65")], 400, "it is INT65"),
        ([one(shape=(2,))], 400, "1 values and the shape [2]"),
        ([one(shape=(1, 2))], 400, "the shape [1, 2]"),
        ([one(shape=())], 400, "the shape []"),
        ([one(shape=(-1,))], 400, "the shape [-1]"),
        ([one(), one("shop", "BYTES", (2,), ["a", "b"])], 400, "not of one length"),
        ([one(shape=(0,), data=[])], 422, "no rows"),
        ([one(data=["x"]), SHOP], 422, "'parcel_id' cannot be taken"),
        ([one(data=[2**70]), SHOP], 400, "64 bits"),
        ([one(data=[[[1]]]), SHOP], 400, "cannot be taken"),
        ([{"name": "parcel_id", "shape": [1], "datatype": "INT64"}], 400, "has no data"),
        ([one(parameters={"binary_data_size": 8})], 400, "is not there"),
        ([one("sent_at", "INT64", data=[2**62])], 400, "microseconds"),
        ([one(parameters={"shared_memory_region": "x"}, data=[])], 400, "0 values"),
    ],
)
def test_tensors_that_do_not_fit_are_told(door, tensors, status, words):
    reply = door.post(INFER, {"inputs": tensors})
    assert reply.status == status
    problem = reply.json()
    assert words in problem["error"]
    assert door.live.begun == 0


def test_a_null_in_a_json_tensor_is_nothing(door):
    given = [one(), SHOP, one("weight", "FP64", data=[None])]
    answer = door.post(INFER, {"inputs": given}).json()
    index = [output["name"] for output in answer["outputs"]].index("prediction")
    row = {"parcel_id": 1, "shop": "a", "weight": None}
    assert answer["outputs"][index]["data"] == expected(door, [row])


HEAD = json.dumps(
    {"inputs": [{"name": "shop", "datatype": "BYTES", "shape": [1],
                 "parameters": {"binary_data_size": 5}}, one()]}
).encode()  # fmt: skip


@pytest.mark.parametrize(
    ("tail", "length"),
    [
        (b"", None), (struct.pack("<I", 1) + b"a", "0"), (struct.pack("<I", 9) + b"a", None),
        (struct.pack("<I", 1) + b"\xff", None), (b"\x01\x00", None), (b"12345678", None),
        (struct.pack("<I", 1) + b"a", "x"), (struct.pack("<I", 1) + b"a", "99999"),
        (struct.pack("<I", 1) + b"a", "-1"), (struct.pack("<I", 2**32 - 1) + b"a", None),
    ],
)  # fmt: skip
def test_a_binary_part_that_does_not_fit_is_told(door, tail, length):
    header = str(len(HEAD)) if length is None else length
    reply = door.post(INFER, HEAD + tail, Inference_Header_Content_Length=header)
    assert reply.status == 400
    assert reply.json()["error"]
    assert door.live.begun == 0


def test_a_binary_part_that_fits_is_taken(door):
    told = door.post(
        INFER, HEAD + struct.pack("<I", 1) + b"a", Inference_Header_Content_Length=str(len(HEAD))
    )
    assert told.status == 200


@pytest.mark.parametrize(
    "body", [b"{", b'{"inputs": ' + b"[" * 100_000, b'{"x": ' + b"[" * 100_000]
)
def test_what_is_no_request_is_refused(door, body):
    assert door.post(INFER, body).status == 400


def test_an_output_that_there_is_not_is_told(door):
    reply = door.post(INFER, {"inputs": [one(), SHOP], "outputs": [{"name": "x"}]})
    assert (reply.status, reply.json()["field"]) == (400, "x")
    sorting = {"name": "prediction", "parameters": {"classification": 3}}
    assert door.post(INFER, {"inputs": [one(), SHOP], "outputs": [sorting]}).status == 400
