<?php

$_LANG['manage'] = 'Halda virtuaalmasinat';
$_LANG['start'] = 'Käivita';
$_LANG['shutdown'] = 'Sulge';
$_LANG['reboot'] = 'Taaskäivita';
$_LANG['name'] = 'Nimi';
$_LANG['status'] = 'Olek';
$_LANG['address'] = 'IP-aadress';
$_LANG['traffic'] = 'Selle kuu andmemaht';
$_LANG['in'] = 'sisse';
$_LANG['out'] = 'välja';
$_LANG['unavailable'] = 'Virtuaalmasin pole praegu kättesaadav. Proovige hiljem uuesti.';
$_LANG['forbidden'] = 'Teie pakett ei sisalda seda funktsiooni.';
$_LANG['state_running'] = 'Töötab';
$_LANG['state_stopped'] = 'Peatatud';
$_LANG['state_suspended'] = 'Peatatud teenus';
$_LANG['state_installing'] = 'Paigaldamisel';
$_LANG['state_changing'] = 'Muutmisel';
$_LANG['state_removed'] = 'Eemaldatud';
$_LANG['state_unknown'] = 'Teadmata';
