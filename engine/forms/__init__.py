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
from engine.forms.zone import ZoneForm, zone_form, zone_forms

__all__ = [
    "KEEP",
    "BadInput",
    "ClientForm",
    "CronForm",
    "Fault",
    "Form",
    "GeneralForm",
    "OptionsForm",
    "PoolForm",
    "ProductForm",
    "ServerForm",
    "ServiceForm",
    "SmtpForm",
    "ZoneForm",
    "checked",
    "faults_of",
    "secret_fields",
    "zone_form",
    "zone_forms",
]
