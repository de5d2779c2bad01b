<?php

$_LANG['manage'] = 'VM kezelése';
$_LANG['start'] = 'Indítás';
$_LANG['shutdown'] = 'Leállítás';
$_LANG['reboot'] = 'Újraindítás';
$_LANG['name'] = 'Név';
$_LANG['status'] = 'Állapot';
$_LANG['address'] = 'IP-cím';
$_LANG['traffic'] = 'Havi adatforgalom';
$_LANG['in'] = 'bejövő';
$_LANG['out'] = 'kimenő';
$_LANG['unavailable'] = 'A VM jelenleg nem érhető el. Próbálja újra később.';
$_LANG['forbidden'] = 'A csomagja nem tartalmazza ezt a funkciót.';
$_LANG['state_running'] = 'Fut';
$_LANG['state_stopped'] = 'Leállítva';
$_LANG['state_suspended'] = 'Felfüggesztve';
$_LANG['state_installing'] = 'Telepítés alatt';
$_LANG['state_changing'] = 'Módosítás alatt';
$_LANG['state_removed'] = 'Eltávolítva';
$_LANG['state_unknown'] = 'Ismeretlen';
