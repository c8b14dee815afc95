"""Join the parts of a split GGUF file, for readers that take a single one."""

from pathlib import Path

from gguf import GGUFReader, GGUFValueType, GGUFWriter

from gradschool.files import disk_errors
from gradschool.model.gguf_file import ARCHITECTURE, GgufFile


def join(file: GgufFile, target: Path) -> None:
    """Write all parts of a model into one file, with the fields of the first part and without those of the split."""
    readers = [GGUFReader(path) for path in file.paths]
    writer = GGUFWriter(target, file.first.architecture)
    for name, field in readers[0].fields.items():
        if name == ARCHITECTURE or name.startswith(("GGUF.", "split.")):
            continue
        kind, *inner = field.types
        writer.add_key_value(name, field.contents(), kind, inner[-1] if kind == GGUFValueType.ARRAY else None)
    tensors = [tensor for reader in readers for tensor in reader.tensors]
    for tensor in tensors:
        data = tensor.data
        writer.add_tensor_info(tensor.name, data.shape, data.dtype, data.nbytes, tensor.tensor_type)
    with disk_errors(target):
        try:
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
            for tensor in tensors:
                writer.write_tensor_data(tensor.data)
        finally:
            writer.close()
