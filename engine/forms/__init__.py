"""Everything an operator enters, with its checks: the manifest, the command line and the console share them.

Each form is a pydantic model. `checked(Form, values)` gives the form or raises `BadInput` with every fault in
it, each a path and a sentence.
"""

from engine.forms.client import ClientForm
from engine.forms.faults import BadInput, Fault, checked, faults_of
from engine.forms.form import KEEP, Form, secret_fields
from engine.forms.pool import PoolForm
from engine.forms.product import ProductForm
from engine.forms.server import ServerForm
from engine.forms.service import OptionsForm, ServiceForm
from engine.forms.settings import CronForm, GeneralForm, SmtpForm
from engine.forms.zone import CloudflareForm, HestiaForm, PowerDnsForm, ZoneForm, zone_form

__all__ = [
    "KEEP",
    "BadInput",
    "ClientForm",
    "CloudflareForm",
    "CronForm",
    "Fault",
    "Form",
    "GeneralForm",
    "HestiaForm",
    "OptionsForm",
    "PoolForm",
    "PowerDnsForm",
    "ProductForm",
    "ServerForm",
    "ServiceForm",
    "SmtpForm",
    "ZoneForm",
    "checked",
    "faults_of",
    "secret_fields",
    "zone_form",
]
