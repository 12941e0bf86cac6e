"""What schemathesis takes for invalid although what it sends is valid: such requests are left out.

A form is text: `nick=5` is the text "5", whatever it was made of, and of an empty list nothing is sent. The name of a part
is sent without what cannot stand in a header, so that another name may become the right one. A header with nothing in it
is an empty list. And what the plugin `echo` is asked to delete is nothing that could be gone afterwards.
"""

import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase

FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


def of_type(schema, name):
    kind = schema.get("type") if isinstance(schema, dict) else None
    return name == kind or isinstance(kind, list) and name in kind


def is_valid_in_a_form(case):
    """Whether something else than text stands where a form is to have text, or a name becomes the right one."""
    if case.media_type not in FORMS or not isinstance(case.body, dict):
        return False
    if not case.meta.is_negative_at(ParameterLocation.BODY):
        return False
    body = case.operation.get_body_for_media_type(case.media_type)
    fields = body.optimized_schema.get("properties", {}) if body else {}

    def is_so(name, value):
        is_one = value is None or isinstance(value, (bool, int, float, dict)) or isinstance(value, list) and len(value) < 2
        is_text = of_type(fields.get(name), "string") and is_one
        is_nothing = name not in fields and value in ([], {})
        return is_text or is_nothing or name not in fields and sendable(name) in fields

    return any(is_so(name, value) for name, value in case.body.items())


def sendable(name):
    return "".join(letter for letter in str(name) if letter.isprintable()).strip()


def is_empty_list_in_a_header(case):
    """Whether a list in a header has nothing in it that is sent."""
    if not case.meta.is_negative_at(ParameterLocation.HEADER):
        return False
    lists = {
        parameter.name.lower()
        for parameter in case.operation.headers
        if of_type(parameter.definition.get("schema"), "array")
    }
    return any(name.lower() in lists and str(value) == "" for name, value in (case.headers or {}).items())


def deletes_nothing(case):
    """Whether the plugin that gives back what it is asked is asked to delete something, before others ask for that."""
    is_echo = case.path.startswith("/echo") and case.method.upper() == "DELETE"
    return is_echo and case.meta.phase.name == TestPhase.STATEFUL


@schemathesis.hook
def filter_case(context, case):
    if case.meta is None:
        return True
    return not (is_valid_in_a_form(case) or is_empty_list_in_a_header(case) or deletes_nothing(case))
