"""The 98 blocks of pyconduit 1.0.4 and what each is called here: for documents that move over.

A parameter that keeps its name is not listed. ``lists[0]`` means that the value goes into that place of a list.
What changes in a result or in an order of business is said by ``note``.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Renamed:
    """The block here, the parameters' names here by those of pyconduit, and what else is different."""

    name: str
    parameters: dict[str, str] = field(default_factory=dict[str, str])
    note: str = ""


_LIST = {"list": "items"}
_TWO = {"value1": "first", "value2": "second"}
_COPY = "returns the changed copy; nothing is changed in place"

NAMES: dict[str, Renamed] = {
    "DICTIONARY.CREATE": Renamed("dict.create", {"**": "values"}, "takes the values as one dict"),
    "DICTIONARY.CREATE_FROM_PAIRS": Renamed("dict.from_pair"),
    "DICTIONARY.CREATE_FROM_LIST": Renamed("dict.from_pairs", {}, "takes a list of pairs only"),
    "DICTIONARY.GET": Renamed("dict.get"),
    "DICTIONARY.SET": Renamed("dict.set", {}, _COPY),
    "DICTIONARY.DELETE": Renamed("dict.delete", {}, _COPY),
    "DICTIONARY.MERGE": Renamed("dict.merge", {"dict1": "first", "dict2": "second"}),
    "DICTIONARY.POP": Renamed("dict.pop", {}, "returns {value, dictionary}"),
    "DICTIONARY.UPDATE": Renamed("dict.update", {"dict1": "dictionary", "dict2": "changes"}, _COPY),
    "DICTIONARY.CLEAR": Renamed("dict.clear", {}, _COPY),
    "DICTIONARY.COUNT": Renamed("dict.length"),
    "DICTIONARY.LIST_KEYS": Renamed("dict.keys"),
    "DICTIONARY.LIST_VALUES": Renamed("dict.values"),
    "DICTIONARY.LIST_ITEMS": Renamed("dict.items"),
    "DICTIONARY.IS_DICTIONARY": Renamed("dict.is_dict"),
    "DICTIONARY.IS_KEY_EXISTS": Renamed("dict.has_key"),
    "DICTIONARY.IS_VALUE_EXISTS": Renamed("dict.has_value"),
    "LISTS.CREATE": Renamed("list.create", {"value1": "items[0]", "value2": "items[1]"}),
    "LISTS.COUNT": Renamed("list.length", _LIST),
    "LISTS.APPEND": Renamed("list.append", _LIST, _COPY),
    "LISTS.CLEAR": Renamed("list.clear", _LIST, _COPY),
    "LISTS.EXTEND": Renamed("list.extend", {"list1": "first", "list2": "second"}, _COPY),
    "LISTS.SORT": Renamed("list.sort", {**_LIST, "reverse": "descending"}, _COPY),
    "LISTS.INSERT": Renamed("list.insert", _LIST, _COPY),
    "LISTS.COPY": Renamed("list.copy", _LIST),
    "LISTS.REMOVE": Renamed("list.remove", _LIST, _COPY),
    "LISTS.POP": Renamed("list.pop", _LIST, "returns {item, items}"),
    "LISTS.REVERSE": Renamed("list.reverse", _LIST, _COPY),
    "LISTS.COUNT_ITEM": Renamed("list.count", _LIST),
    "LISTS.MERGE": Renamed("list.merge", {"list1": "lists[0]", "list2": "lists[1]"}),
    "LISTS.FLATTEN": Renamed("list.flatten", {"values": "items"}),
    "LISTS.GET": Renamed("list.get", _LIST),
    "LISTS.INDEX": Renamed("list.index_of", _LIST),
    "LOGIC.BOOL": Renamed("logic.to_bool", {}, 'reads texts: "False" is false'),
    "LOGIC.IF": Renamed("logic.compare", _TWO, "true is not equal to 1"),
    "LOGIC.IS_TRUTH": Renamed("logic.is_true"),
    "LOGIC.IS_NONE": Renamed("logic.is_none"),
    "LOGIC.TRUE": Renamed("logic.true"),
    "LOGIC.FALSE": Renamed("logic.false"),
    "LOGIC.NONE": Renamed("logic.none"),
    "LOGIC.IF_THEN_ELSE": Renamed("logic.choose", {"value": "condition"}),
    "LOGIC.LOGICAL_NOT": Renamed("logic.not"),
    "LOGIC.LOGICAL_OR": Renamed("logic.or", _TWO, "returns true or false, not the value"),
    "LOGIC.LOGICAL_AND": Renamed("logic.and", _TWO, "returns true or false, not the value"),
    "LOGIC.BITWISE_AND": Renamed("logic.bitwise_and", _TWO),
    "LOGIC.BITWISE_OR": Renamed("logic.bitwise_or", _TWO),
    "LOGIC.BITWISE_NOT": Renamed("logic.bitwise_not"),
    "LOGIC.ASSERT": Renamed("logic.assert"),
    "LOGIC.NOT_ASSERT": Renamed("logic.assert_not"),
    "LOGIC.IF_ASSERT": Renamed("logic.assert_compare", _TWO),
    "MATH.CREATE_INTEGER": Renamed("math.to_integer"),
    "MATH.CREATE_FLOAT": Renamed("math.to_float"),
    "MATH.SUM": Renamed("math.add", _TWO),
    "MATH.SUM_LIST": Renamed("math.sum", {"list": "values"}),
    "MATH.SUB": Renamed("math.subtract", _TWO),
    "MATH.DIV": Renamed("math.divide", _TWO),
    "MATH.MUL": Renamed("math.multiply", _TWO, "has no cap; whole numbers stay whole"),
    "MATH.EXP": Renamed("math.power", {"value1": "base", "value2": "exponent"}, "has no cap of 10"),
    "MATH.MOD": Renamed("math.modulo", _TWO),
    "MATH.FLOOR": Renamed("math.floor"),
    "MATH.CEILING": Renamed("math.ceiling"),
    "MATH.MAX": Renamed("math.larger", _TWO),
    "MATH.SQRT": Renamed("math.sqrt"),
    "MATH.ABS": Renamed("math.abs"),
    "MATH.MAX_LIST": Renamed("math.max", {"list": "values"}),
    "MATH.MIN": Renamed("math.smaller", _TWO),
    "MATH.MIN_LIST": Renamed("math.min", {"list": "values"}),
    "OBJECT.CREATE_SLICE": Renamed("object.create_slice", {}, "returns {start, stop, step}"),
    "OBJECT.APPLY_SLICE": Renamed("object.apply_slice"),
    "OBJECT.SLICE_VALUE": Renamed("object.slice"),
    "OBJECT.COPY": Renamed("object.copy", {}, "copies what the value holds, too"),
    "OBJECT.LENGTH": Renamed("object.length"),
    "TEXT.CREATE": Renamed("text.create", {}, "writes what is no text as JSON"),
    "TEXT.JOIN": Renamed(
        "text.concat", {"text1": "first", "text2": "second", "join_with": "separator"}
    ),
    "TEXT.JOIN_LIST": Renamed("text.join", {"list": "items", "seperator": "separator"}),
    "TEXT.INCLUDES": Renamed("text.includes"),
    "TEXT.COUNT": Renamed("text.length"),
    "TEXT.GET": Renamed("text.get"),
    "TEXT.COUNT_PIECE": Renamed("text.count"),
    "TEXT.IS_EMPTY": Renamed("text.is_empty"),
    "TEXT.STRIP": Renamed("text.strip", {"chars": "characters"}),
    "TEXT.UPPERCASE": Renamed("text.upper"),
    "TEXT.LOWERCASE": Renamed("text.lower"),
    "TEXT.SPLIT": Renamed("text.split", {"seperator": "separator", "maxsplit": "limit"}),
    "TEXT.TITLECASE": Renamed("text.title"),
    "TEXT.STARTS_WITH": Renamed("text.starts_with"),
    "TEXT.ENDS_WITH": Renamed("text.ends_with"),
    "TEXT.IS_NUMERIC": Renamed("text.is_numeric"),
    "TEXT.IS_TEXT": Renamed("text.is_text"),
    "TEXT.REPLACE": Renamed("text.replace"),
    "VARIABLE.SET": Renamed("variable.set"),
    "VARIABLE.CREATE": Renamed("variable.create", {}, "a name that is there already is an error"),
    "VARIABLE.GET": Renamed("variable.get"),
    "VARIABLE.DELETE": Renamed("variable.delete"),
    "VARIABLE.LIST_NAMES": Renamed("variable.names"),
    "VARIABLE.LIST_VALUES": Renamed("variable.values"),
    "VARIABLE.IS_EXISTS": Renamed("variable.exists"),
    "VARIABLE.COUNT": Renamed("variable.count"),
}
"""By pyconduit's display name."""
