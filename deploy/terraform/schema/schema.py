"""Writes the schema of Terraform's provider google, read from the npm package that binds it to TypeScript.

    schema.py .jsii FILE RESOURCE…

Of those that are named alone: Terraform asks for all there is, many times. The provider itself is in no package registry. The package has each resource with its arguments, their types, and
which of them are required; it has no values, so an unknown region or a wrong enumeration is not found by it.
"""

import json
import re
import sys
from functools import cache

# What Terraform itself has in every block.
META = {"connection", "count", "dependsOn", "forEach", "lifecycle", "provider", "provisioners"}
PRIMITIVES = {"string": "string", "number": "number", "boolean": "bool", "any": "dynamic"}
MAPS = {"StringMap": "string", "BooleanMap": "bool", "NumberMap": "number"}
BASES = {"cdktf.TerraformResource": "resources", "cdktf.TerraformDataSource": "data", "cdktf.TerraformProvider": "provider"}

types = json.load(open(sys.argv[1]))["types"]


def snake(name: str) -> str:
    return re.sub("([A-Z])", lambda letter: "_" + letter[1].lower(), name)


def argument(member: dict) -> str:
    """The name in Terraform: the documentation links to it; where it does not, it follows from the name in TypeScript."""
    link = re.search("#([a-z0-9_]+) ", member.get("docs", {}).get("remarks", ""))
    return link[1] if link else snake(member["name"])


def bare(kind: dict) -> dict:
    """A type without the alternative that it is only known later."""
    if "union" not in kind:
        return kind
    known = [one for one in kind["union"]["types"] if one.get("fqn") != "cdktf.IResolvable"]
    return bare(known[0]) if known else {"primitive": "any"}


def element(kind: dict) -> dict | None:
    collection = bare(kind).get("collection")
    return bare(collection["elementtype"]) if collection and collection["kind"] == "array" else None


def is_block(kind: dict) -> bool:
    name = kind.get("fqn", "")
    return name.startswith("@cdktf/") and types[name]["kind"] == "interface"


def written(kind: dict):
    """A type as Terraform writes it in JSON."""
    kind = bare(kind)
    if "primitive" in kind:
        return PRIMITIVES[kind["primitive"]]
    if "collection" in kind:
        return ["list" if kind["collection"]["kind"] == "array" else "map", written(kind["collection"]["elementtype"])]
    for ending, of in MAPS.items():
        if kind["fqn"].endswith(ending):
            return ["map", of]
    return "dynamic"


@cache
def block(name: str, within: tuple[str, ...] = ()) -> dict:
    attributes, blocks = {}, {}
    for member in types[name].get("properties", []):
        if not within and member["name"] in META:
            continue
        kind, needed = bare(member["type"]), not member.get("optional")
        item = element(kind)
        many = item is not None and "fqn" in item
        kind = item if many else kind
        key = argument(member)
        if is_block(kind):
            if kind["fqn"] in within:
                continue
            single = key == "timeouts"
            inner = block(kind["fqn"], (*within, kind["fqn"]))
            blocks[key] = {"Single": single, "Max": 0 if many or single else 1, "Min": int(needed and not single), "Block": inner}
        else:
            attributes[key] = {"Type": written(member["type"]), "Required": needed, "Optional": not needed}
    return {"Attributes": attributes, "Blocks": blocks}


def computed(of: dict, attributes: dict, given: set[str]) -> None:
    """Adds what a resource answers with and does not take."""
    for member in of.get("properties", []):
        if member.get("static") or member["name"].endswith("Input") or member["name"] in given:
            continue
        kind = member["type"]
        is_list = kind.get("fqn", "").startswith("@cdktf/") and kind["fqn"].endswith("List")
        attributes[snake(member["name"])] = {"Type": "dynamic" if is_list else written(kind), "Computed": True}
    for attribute in attributes.values():
        attribute.setdefault("Computed", attribute.get("Optional", False))


def main() -> None:
    schema = {"Resources": {}, "Data": {}, "Provider": None}
    for name, kind in types.items():
        where = BASES.get(kind.get("base"))
        if kind["kind"] != "class" or where is None:
            continue
        docs = kind["docs"]
        resource = re.search(r"\b(google_[a-z0-9_]+)\b", docs.get("remarks", "") + docs.get("summary", ""))
        if where != "provider" and resource[1] not in sys.argv[3:]:
            continue
        found = json.loads(json.dumps(block(name + "Config")))
        if where == "provider":
            schema["Provider"] = found
            continue
        given = {member["name"] for member in types[name + "Config"].get("properties", [])} | META
        computed(kind, found["Attributes"], given | {snake(block_name) for block_name in found["Blocks"]})
        found["Attributes"] = {key: value for key, value in found["Attributes"].items() if key not in found["Blocks"]}
        found["Attributes"].setdefault("id", {"Type": "string", "Optional": True, "Computed": True})
        schema[where.capitalize()][resource[1]] = found
    with open(sys.argv[2], "w") as file:
        json.dump(schema, file, separators=(",", ":"))


main()
